/**
 * How the pictures of a model are prepared and what its classes are called: the JSON file beside a
 * model, the one a user names, the one that a model carries, or a default. Not here: applying it
 * (preprocess.ts).
 *
 * The file is either a preprocessing object, or a larger object with `preprocess` and optional
 * `labels`: an array of names, or the name of a file beside it, JSON with such an array or .txt
 * with a name a line. A model carries the same object, its labels always an array, as the text of
 * its metadata `bitplane.recipe`.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { reading, readingAsync } from '../core/border.js';
import { requireObject, requirePlain } from '../core/checks.js';
import { BitplaneError, continued, expected } from '../core/errors.js';
import { type Shape, showShape } from '../core/shape.js';
import type { Graph, Metadata } from '../graph/value.js';
import { readBytes } from './files.js';
import { fittedRecipe } from './fit-input.js';
import { type Preprocess, parsePreprocess } from './preprocess.js';

/** How the pictures of a model become its input, and what its classes are called. */
export interface Recipe {
  /** How pixels become the input. */
  readonly preprocess: Preprocess;
  /** Names of the classes in the order of the outputs; absent where the file gives none. */
  readonly labels?: readonly string[] | undefined;
  /** The recipe's file, the model that carries it, or a sentence that says it is the default. */
  readonly source: string;
  /** True for the default: neither a file nor the model says how pictures are prepared. */
  readonly isDefault?: boolean;
  /** True where the recipe says no size of pictures, and has that of the model's input. */
  readonly isFitted?: boolean;
}

/** The fields of `Preprocess`, as files may say them: what has a default may be left out. */
export interface PreprocessFields
  extends Pick<Preprocess, 'layout' | 'color'>,
    Partial<Omit<Preprocess, 'layout' | 'color' | 'mean' | 'std' | 'quantize'>> {
  /** Subtracted from pixel * scale: one number, or one a channel. Default 0. */
  readonly mean?: number | readonly number[] | undefined;
  /** What the difference is divided by: one number, or one a channel. Default 1. */
  readonly std?: number | readonly number[] | undefined;
  /** Rounding to multiples of `step`, half up, and clipping. Default: none. */
  readonly quantize?:
    | { readonly step: number; readonly min: number; readonly max: number; readonly round?: string }
    | undefined;
}

/** A recipe of `readRecipe`, `recipeOf` or `recipes`; or its fields, as its file has them. */
export type RecipeLike =
  | PreprocessFields
  | {
      readonly preprocess: PreprocessFields;
      readonly labels?: readonly string[] | undefined;
      readonly source?: string | undefined;
    };

/** What `recipeOf` asks of a session or a graph. */
export interface RecipeCarrier extends Partial<PictureTaker> {
  /** What the model carries; the recipe is an entry of it. */
  readonly metadata?: Metadata | undefined;
}

/** A session or a graph, asked for the size of its input. */
export interface PictureTaker {
  /** Of a session. */
  readonly inputMetadata?: readonly { readonly shape: Shape }[] | undefined;
  /** Of a graph. */
  readonly inputs?: readonly { readonly shape: Shape }[] | undefined;
}

/** The shape of the only input of a model; none where it has several. */
export function pictureInput({ inputMetadata, inputs }: PictureTaker): Shape {
  const all = inputMetadata ?? inputs;
  return Array.isArray(all) && all.length === 1 ? all[0].shape : [];
}

const MAX_JSON = 2 ** 24;
/** The metadata entry in which a model carries its recipe. */
export const RECIPE = 'bitplane.recipe';

/**
 * Reads a recipe file, docs/recipes.md: how the pictures of a model are prepared, and its labels.
 *
 *     const recipe = await readRecipe('model.json');
 *     const image = await imageToTensor('cat.jpg', recipe);
 *
 * @param path a JSON file
 * @throws BitplaneError ERR_IO, ERR_FORMAT naming the file and field
 */
export async function readRecipe(path: string): Promise<Recipe> {
  if (typeof path !== 'string' || path === '')
    throw expected('ERR_ARGUMENT', 'the path of a recipe', path, { op: 'readRecipe' });
  return readingAsync({ node: path }, () => recipeIn(path));
}

/**
 * The recipe that a model carries, which `bitplane convert` and training put there. One that says
 * no size of pictures gets that of the model's input, where this is one square.
 * @param model a session or a graph
 * @throws BitplaneError ERR_ARGUMENT where it carries none, with the ways to one; ERR_FORMAT where
 *   it is damaged, naming the field
 */
export function recipeOf(model: RecipeCarrier): Recipe {
  const site = { op: 'recipeOf' };
  requireObject(model, 'a session or a graph', site);
  const { metadata } = model;
  if (metadata !== undefined) requirePlain(metadata, 'metadata, strings by name,', site);
  if (metadata?.[RECIPE] !== undefined && typeof metadata[RECIPE] !== 'string')
    throw expected('ERR_ARGUMENT', `${RECIPE} to be a text`, metadata[RECIPE], site);
  const recipe = carriedRecipe(metadata, 'the model');
  if (recipe !== undefined) return fittedRecipe(pictureInput(model), recipe);
  throw new BitplaneError(
    'ERR_ARGUMENT',
    'expected a model that carries its recipe but this one says nothing of its pictures: read it ' +
      'from a file (readRecipe), take a usual one (recipes.torchvision, recipes.keras), or write ' +
      'its fields (docs/recipes.md)',
    site,
  );
}

/**
 * What a caller's recipe says of pictures, checked.
 * @throws BitplaneError ERR_ARGUMENT, ERR_FORMAT naming the field and the recipe's source
 */
export function preprocessOf(recipe: unknown, op: string): Preprocess {
  requirePlain(recipe, 'a recipe, such as readRecipe gives,', { op });
  const { preprocess = recipe, source } = recipe as { preprocess?: unknown; source?: unknown };
  return parsePreprocess(preprocess, typeof source === 'string' ? source : 'recipe');
}

async function recipeIn(path: string): Promise<Recipe> {
  const json = await readJson(path);
  const labels = (json as { labels?: unknown } | null)?.labels;
  if (typeof labels !== 'string') return parseRecipe(json, path);
  requirePlainName(labels, path);
  const file = join(dirname(path), labels);
  const { labels: _, ...rest } = json as object & { labels: unknown };
  return { ...parseRecipe(rest, path), labels: await readLabels(file, path) };
}

/** The labels in a file that the recipe at `path` names. */
async function readLabels(file: string, path: string): Promise<string[]> {
  try {
    if (!/\.txt$/i.test(file)) return parseLabels(await readJson(file), file);
    const text = (await readBytes(file, MAX_JSON)).toString('utf8');
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    return parseLabels(lines.slice(0, lines.findLastIndex((line) => line !== '') + 1), file);
  } catch (error) {
    if (!(error instanceof BitplaneError) || error.code !== 'ERR_IO') throw error;
    throw continued(
      error,
      `; "labels" of ${path} names it: put it beside the recipe, or write the names themselves`,
    );
  }
}

/**
 * The recipe that a graph carries; undefined where it carries none. @throws BitplaneError
 * ERR_FORMAT naming the field
 */
export function carriedRecipe(metadata: Metadata | undefined, model: string): Recipe | undefined {
  const text = metadata?.[RECIPE];
  if (text === undefined) return undefined;
  const site = `${RECIPE} of ${model}`;
  // Reads no file, because a model must not choose which file is read.
  return reading({ node: site }, () => ({
    ...parseRecipe(parseJson(text, site), site),
    source: `carried by ${model}`,
  }));
}

/** The graph, carrying this recipe. */
export function withRecipe(graph: Graph, { preprocess, labels }: Recipe): Graph {
  return {
    ...graph,
    metadata: { ...graph.metadata, [RECIPE]: JSON.stringify({ preprocess, labels }) },
  };
}

/** A recipe whose labels, if any, are a list. */
function parseRecipe(json: unknown, path: string): Recipe {
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw expected('ERR_FORMAT', 'a JSON object', json, { node: path });
  if (!('preprocess' in json)) return { preprocess: parsePreprocess(json, path), source: path };
  const { preprocess, labels } = json as { preprocess: unknown; labels?: unknown };
  const names = labels === undefined ? undefined : parseLabels(labels, path);
  return { preprocess: parsePreprocess(preprocess, path), labels: names, source: path };
}

/**
 * The recipe in the file beside a model: NAME.json for NAME.onnx, NAME.onnx.gz or
 * NAME.safetensors. Undefined if that file does not exist.
 */
export async function recipeBeside(modelPath: string): Promise<Recipe | undefined> {
  const path = modelPath.replace(/(\.onnx|\.qonnx|\.safetensors)?(\.gz)?$/i, '.json');
  return existsSync(path) ? await readRecipe(path) : undefined;
}

/**
 * The default for an input of this shape: pixels divided by 255; rgb for three channels, gray for
 * one; a dimension of three (or one) channels before or after height and width tells the layout;
 * two dimensions are flat gray. Resized and cropped to the input's size.
 */
export function defaultRecipe(shape: Shape): Recipe {
  const [, a, b, c] = shape;
  const channelsFirst = shape.length === 4 && (a === 1 || a === 3);
  const channelsLast = shape.length === 4 && !channelsFirst && (c === 1 || c === 3);
  if (shape.length !== 2 && !channelsFirst && !channelsLast) {
    const what =
      'a picture input [N, C, H, W], [N, H, W, C] or [N, pixels]; --preprocess tells how ' +
      'others are fed';
    throw expected('ERR_SHAPE', what, showShape(shape), { op: 'preprocess' });
  }
  const layout = shape.length === 2 ? 'flat' : channelsFirst ? 'NCHW' : 'NHWC';
  const color = layout === 'flat' || (channelsFirst ? a : c) === 1 ? 'gray' : 'rgb';
  const side = channelsFirst ? b : a;
  const fit = layout !== 'flat' && typeof side === 'number' ? { resize: side, crop: side } : {};
  return {
    preprocess: { layout, color, scale: 1 / 255, mean: [0], std: [1], ...fit },
    source: `the default for input shape ${showShape(shape)}: pixel / 255, ${layout}, ${color}`,
    isDefault: true,
  };
}

/** A recipe may come from a stranger, so it may only name a file beside itself. */
function requirePlainName(name: string, path: string): void {
  if (name === '' || name === '.' || name === '..' || /[/\\:\0]/.test(name))
    throw expected(
      'ERR_FORMAT',
      'labels to be names, or the plain name of a file beside it',
      name,
      { op: 'labels', node: path },
    );
}

/** Describes a wrong list without quoting it, because a recipe may name somebody's private file. */
function parseLabels(list: unknown, path: string): string[] {
  if (
    !Array.isArray(list) ||
    list.length === 0 ||
    !list.every((label) => typeof label === 'string')
  ) {
    const kind = Array.isArray(list)
      ? `an array of ${list.length} entries`
      : list === null
        ? 'null'
        : `a JSON ${typeof list}`;
    throw expected('ERR_FORMAT', 'an array of class names', kind, { op: 'labels', node: path });
  }
  return list;
}

async function readJson(path: string): Promise<unknown> {
  return parseJson((await readBytes(path, MAX_JSON)).toString('utf8'), path);
}

/** Drops the parser's message, because it quotes the text, which may be somebody's private file. */
function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BitplaneError('ERR_FORMAT', 'expected JSON but received something else', {
      node: path,
    });
  }
}

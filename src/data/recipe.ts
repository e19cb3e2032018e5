/**
 * How the pictures of a model are prepared and what its classes are called: the JSON file beside a
 * model, the one a user names, the one that a model carries, or a default. Not here: applying it
 * (preprocess.ts).
 *
 * The file is either a preprocessing object, or a larger object with `preprocess` and optional
 * `labels`: an array of names, or the name of a JSON file beside it that holds such an array. A
 * model carries the same object, its labels always an array, as the text of its metadata
 * `bitplane.recipe`.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { reading, readingAsync } from '../core/border.js';
import { BitplaneError, expected } from '../core/errors.js';
import { type Shape, showShape } from '../core/shape.js';
import type { Graph, Metadata } from '../graph/value.js';
import { readBytes } from './files.js';
import { type Preprocess, parsePreprocess } from './preprocess.js';

export interface Recipe {
  readonly preprocess: Preprocess;
  /** Names of the classes in the order of the outputs; absent where the file gives none. */
  readonly labels?: readonly string[] | undefined;
  /** The recipe's file, the model that carries it, or a sentence that says it is the default. */
  readonly source: string;
  /** True for the default: neither a file nor the model says how pictures are prepared. */
  readonly isDefault?: boolean;
}

const MAX_JSON = 2 ** 24;
/** The metadata entry in which a model carries its recipe. */
export const RECIPE = 'bitplane.recipe';

/** Reads a recipe file. @throws BitplaneError ERR_IO, ERR_FORMAT naming the file and field */
export function readRecipe(path: string): Promise<Recipe> {
  return readingAsync({ node: path }, () => recipeIn(path));
}

async function recipeIn(path: string): Promise<Recipe> {
  const json = await readJson(path);
  const labels = (json as { labels?: unknown } | null)?.labels;
  if (typeof labels !== 'string') return parseRecipe(json, path);
  requirePlainName(labels, path);
  const file = join(dirname(path), labels);
  const { labels: _, ...rest } = json as object & { labels: unknown };
  return { ...parseRecipe(rest, path), labels: parseLabels(await readJson(file), file) };
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

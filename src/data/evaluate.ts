/**
 * The accuracy of a session on labelled pictures, as `import { evaluate } from 'bitplane'` gives
 * it. Not here: the counting (accuracy.ts).
 */
import { requireObject, requireOneOf, requireOptions, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';
import type { Metadata } from '../graph/value.js';
import type { Runner } from '../runtime/run-rows.js';
import type { RunOptions } from '../runtime/session-types.js';
import {
  type Evaluation,
  measure,
  type PictureSource,
  type Prepared,
  sourceOf,
} from './accuracy.js';
import type { Dataset, Skipped } from './dataset.js';
import { MAX_PIXELS } from './decode-picture.js';
import { checkFit, classCount, fittedRecipe } from './fit-input.js';
import { isBroken } from './folder.js';
import { batchOf, fittedPicture, nameOf, type Picture } from './image-to-tensor.js';
import { inParallel } from './in-parallel.js';
import type { LabelledPictures } from './labelled-pictures.js';
import type { Preprocess } from './preprocess.js';
import { pictureInput, preprocessOf, type Recipe, type RecipeLike, recipeOf } from './recipe.js';
import type { Pixels } from './resize.js';

/** A picture and the number of its class; data sets of the caller's own give them. */
export interface Example {
  /** A path, the bytes of a file, or pixels. */
  readonly picture: Picture;
  /** From 0. */
  readonly label: number;
  /** What `skipped` calls it. Default: its path, or its place in the set. */
  readonly file?: string | undefined;
}

/** What is evaluated: a session, or whatever runs feeds as a session does. */
export interface Evaluated extends Pick<Runner, 'inputMetadata' | 'outputMetadata'> {
  /** Where `recipeOf` finds the recipe that the model carries. */
  readonly metadata?: Metadata | undefined;
  /** Feeds by name to results by name. */
  run(feeds: never, options?: RunOptions): Promise<unknown>;
}

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /**
   * How pictures become the input. Default: what the model carries. Where it says no size, pictures
   * of another size than the input's are resized and cut to that.
   */
  readonly recipe?: RecipeLike | undefined;
  /** Only the first `limit` pictures. Default: all. */
  readonly limit?: number | undefined;
  /** Pictures a run. Default 32. */
  readonly batch?: number | undefined;
  /** True: a picture that cannot be read is an error. Default: it is left out and named. */
  readonly strict?: boolean | undefined;
  /** Is told after each batch how many pictures are done, and of how many where that is known. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined;
  /** Stops reading and the runs in flight: the promise is rejected with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

const OP = 'evaluate';
const KNOWN = {
  recipe: true,
  limit: true,
  batch: true,
  strict: true,
  onProgress: true,
  signal: true,
} as const;

/**
 * How often the first output of a network is right about labelled pictures:
 *
 *     const { top1 } = await evaluate(session, data.cifar10(), { recipe: recipes.cifar10() });
 *
 * Three batches are under way at a time, so that reading and running overlap. Pictures that cannot
 * be read are counted and named in `skipped`, and left out of the percentages; `strict` makes the
 * first of them an error.
 * @param session with one input of dtype f32
 * @param dataset one of `data.mnist`, `cifar10`, `cifar100` and `pictures`, what their `open`
 *   gives, or any async iterable of `{ picture, label }`
 * @returns percent of pictures whose label has the highest score, and is among the five highest;
 *   how many were run, and which could not be read
 * @throws BitplaneError ERR_ARGUMENT, also for a model that carries no recipe; ERR_SHAPE where
 *   pictures by the recipe do not fit the input, or there are fewer scores than classes; ERR_FEED
 *   or ERR_DTYPE for a model with another input; ERR_FORMAT, ERR_IO naming a file; ERR_ABORTED
 */
export async function evaluate(
  session: Evaluated,
  dataset: LabelledPictures | Dataset | AsyncIterable<Example>,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  requireSession(session);
  requireOptions(options, KNOWN, { op: OP });
  const { limit, batch, strict, onProgress, signal } = options;
  requireOneOf(strict, [true, false, undefined], 'strict', { op: OP });
  for (const [name, count] of Object.entries({ limit, batch }))
    if (count !== undefined && !(isSize(count) && count > 0))
      throw expected('ERR_ARGUMENT', `${name} to be a whole number of 1 or more`, count, {
        op: OP,
      });
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw expected('ERR_ARGUMENT', 'onProgress to be a function', onProgress, { op: OP });
  requireSignal(signal, { op: OP });
  const recipe =
    options.recipe === undefined
      ? recipeOf(session)
      : fittedRecipe(pictureInput(session), known(options.recipe));
  const source = await opened(session, dataset, recipe, { limit, strict });
  const { total } = source;
  const told = onProgress && ((done: number) => onProgress(done, total));
  try {
    return await measure(session as Runner, source, { batch, onProgress: told, signal });
  } finally {
    await source.end?.();
  }
}

interface Opened extends PictureSource {
  readonly total: number | undefined;
  /** Ends an iterable before its last picture. */
  end?(): Promise<unknown>;
}

async function opened(
  session: Evaluated,
  dataset: LabelledPictures | Dataset | AsyncIterable<Example>,
  recipe: Recipe,
  { limit, strict }: Pick<EvaluateOptions, 'limit' | 'strict'>,
): Promise<Opened> {
  requireObject(dataset, 'a data set', { op: OP });
  const { preprocess } = recipe;
  if (isOpener(dataset) || isDataset(dataset)) {
    const outputs = classCount(session.outputMetadata[0]?.shape ?? []);
    const set = isOpener(dataset) ? await dataset.open(recipe, outputs, strict) : dataset;
    const [input] = session.inputMetadata;
    if (input !== undefined) checkFit(input, set, recipe, 'a recipe');
    const total = Math.min(set.size, limit ?? set.size);
    const source = sourceOf(set, preprocess, total);
    return { ...(strict === true ? stopping(source) : source), total };
  }
  if (typeof dataset[Symbol.asyncIterator] !== 'function')
    throw expected(
      'ERR_ARGUMENT',
      'a data set, or an async iterable of { picture, label },',
      dataset,
      {
        op: OP,
      },
    );
  return iterated(dataset, preprocess, { limit: limit ?? Number.POSITIVE_INFINITY, strict });
}

function known(recipe: RecipeLike): Recipe {
  const preprocess = preprocessOf(recipe, OP);
  const { labels, source } = recipe as Partial<Recipe>;
  return { preprocess, labels, source: source ?? 'the given recipe' };
}

function isOpener(dataset: object): dataset is LabelledPictures {
  return 'open' in dataset && typeof dataset.open === 'function';
}

function isDataset(dataset: object): dataset is Dataset {
  const { read, size, classes } = dataset as Partial<Dataset>;
  return typeof read === 'function' && isSize(size) && Array.isArray(classes);
}

/** A source of which the first picture that cannot be read is an error. */
function stopping(source: PictureSource): PictureSource {
  const requireAll = (part: Prepared): Prepared => {
    const [first] = part.skipped;
    if (first !== undefined) throw new BitplaneError('ERR_FORMAT', first.why);
    return part;
  };
  return { ...source, take: (count) => source.take(count)?.then(requireAll) };
}

/** The pictures of an iterable, taken one batch after the other and prepared side by side. */
function iterated(
  dataset: AsyncIterable<Example>,
  preprocess: Preprocess,
  { limit, strict }: { readonly limit: number; readonly strict: boolean | undefined },
): Opened {
  const iterator = dataset[Symbol.asyncIterator]();
  let taken = 0;
  let isOver = false;
  let turn: Promise<unknown> = Promise.resolve();
  const next = async (count: number): Promise<readonly (readonly [Example, number])[]> => {
    const examples: (readonly [Example, number])[] = [];
    while (!isOver && taken < limit && examples.length < count) {
      const { done, value } = await iterator.next();
      if (done === true) isOver = true;
      else examples.push([requireExample(value, taken), taken++]);
    }
    isOver ||= taken >= limit;
    return examples;
  };
  return {
    name: 'the data set',
    classes: 0,
    total: undefined,
    take(count) {
      if (isOver) return undefined;
      const examples = turn.then(() => next(count));
      turn = examples;
      return examples.then((list) => prepared(list, preprocess, strict));
    },
    end: async () => iterator.return?.(),
  };
}

/** A picture that could be read. */
interface Good {
  readonly name: string;
  readonly label: number;
  readonly pixels: Pixels;
}

async function prepared(
  examples: readonly (readonly [Example, number])[],
  preprocess: Preprocess,
  strict = false,
): Promise<Prepared> {
  const read = async ({ picture, label, file }: Example, i: number): Promise<Good | Skipped> => {
    const name = file ?? nameOf(picture, `pictures[${i}]`);
    try {
      return { name, label, pixels: await fittedPicture(picture, name, preprocess, MAX_PIXELS) };
    } catch (error) {
      if (strict || !isBroken(error)) throw error;
      return { file: name, why: error.message };
    }
  };
  const all = await inParallel(examples, ([example, i]) => read(example, i));
  const good = all.filter((each) => 'pixels' in each);
  const pixels = good.map((each) => each.pixels);
  return {
    input:
      good.length === 0 ? undefined : batchOf(pixels, preprocess, (i) => (good[i] as Good).name),
    labels: Int32Array.from(good, ({ label }) => label),
    skipped: all.filter((each) => 'why' in each),
  };
}

function requireExample(value: unknown, at: number): Example {
  const { label, picture } = (value ?? {}) as Partial<Example>;
  if (picture === undefined || !isSize(label))
    throw expected('ERR_ARGUMENT', '{ picture, label }, the label a whole number from 0,', value, {
      op: OP,
      node: `pictures[${at}]`,
    });
  return value as Example;
}

function requireSession(session: unknown): void {
  const { run, inputMetadata, outputMetadata } = (session ?? {}) as Partial<Evaluated>;
  if (typeof run !== 'function' || !Array.isArray(inputMetadata) || !Array.isArray(outputMetadata))
    throw expected('ERR_ARGUMENT', 'a session', session, { op: OP });
}

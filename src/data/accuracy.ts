/**
 * The accuracy of a model on a data set. Not here: opening either (evaluate.ts), printing
 * (src/cli/eval.ts).
 */
import { requireNotAborted } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { type Runner, runRows } from '../runtime/run-rows.js';
import type { TensorMetadata } from '../runtime/session-types.js';
import { Tensor } from '../tensor/tensor.js';
import type { Dataset, Skipped } from './dataset.js';
import { type Preprocess, preprocessPixels } from './preprocess.js';
import { rankOf } from './top-k.js';

/** How often a network is right. */
export interface Evaluation {
  /** Percent of pictures whose label has the highest score. */
  readonly top1: number;
  /** Percent of pictures whose label is among the five highest scores. */
  readonly top5: number;
  /** Pictures that were run. */
  readonly n: number;
  /** Pictures that could not be read; they count neither as right nor as wrong. */
  readonly skipped: readonly Skipped[];
  /** Reading, preprocessing and the network together. */
  readonly imagesPerSecond: number;
}

export interface AccuracyOptions {
  /** Only the first `limit` pictures. */
  readonly limit?: number | undefined;
  /** Pictures a run. Default 32. */
  readonly batch?: number | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Some pictures of a set, ready to run. */
export interface Prepared {
  /** What the network takes, a row a picture; undefined where none could be read. */
  readonly input: Tensor<'f32'> | undefined;
  /** [N]. */
  readonly labels: Int32Array;
  readonly skipped: readonly Skipped[];
}

/** Labelled pictures, some at a time. */
export interface PictureSource {
  readonly name: string;
  /** How many classes there are, where that is known. */
  readonly classes: number;
  /** The next pictures, at most `count` and those that cannot be read; undefined after the last. */
  take(count: number): Promise<Prepared> | undefined;
}

/**
 * Batches in flight: while one runs, the next is read and prepared, and one more waits so that no
 * core idles between.
 */
const IN_FLIGHT = 3;
const DEFAULT_BATCH = 32;
const OP = 'eval';

/** The pictures of a data set as a network takes them, from the first to that before `end`. */
export function sourceOf(data: Dataset, preprocess: Preprocess, end = data.size): PictureSource {
  let next = 0;
  const read = async (from: number, to: number): Promise<Prepared> => {
    const { pixels, labels, skipped = [] } = await data.read(from, to);
    const input =
      labels.length === 0 ? undefined : preprocessPixels(pixels, data.pictureShape, preprocess);
    return { input, labels, skipped };
  };
  return {
    name: data.name,
    classes: data.classes.length,
    take(count) {
      const from = next;
      next = Math.min(end, from + count);
      return from < next ? read(from, next) : undefined;
    },
  };
}

/** `measure` over a data set. */
export function measureAccuracy(
  runner: Runner,
  data: Dataset,
  preprocess: Preprocess,
  options: AccuracyOptions = {},
): Promise<Evaluation> {
  const end = Math.min(data.size, options.limit ?? data.size);
  return measure(runner, sourceOf(data, preprocess, end), options);
}

/**
 * Runs all that `source` gives through the only input and the first output of `runner`. A label
 * scores by its rank: the number of classes with a higher score, ties going to the lower index; NaN
 * ranks last.
 * @throws BitplaneError ERR_FEED where the model has several inputs, ERR_SHAPE where it has fewer
 * outputs than there are classes, ERR_ABORTED
 */
export async function measure(
  runner: Runner,
  source: PictureSource,
  { batch = DEFAULT_BATCH, onProgress, signal }: AccuracyOptions,
): Promise<Evaluation> {
  const [input, output] = ends(runner);
  const ranks: number[] = [];
  const skipped: Skipped[] = [];
  let done = 0;
  let isOver = false;

  const work = async (): Promise<void> => {
    for (;;) {
      requireNotAborted(signal, 'the evaluation', { op: OP });
      const taken = isOver ? undefined : source.take(batch);
      if (taken === undefined) return;
      const part = await taken;
      for (const file of part.skipped) skipped.push(file);
      const { labels } = part;
      if (part.input !== undefined) {
        const whole = fillBatch(part.input, input.shape[0]);
        const result = await runRows(runner, { [input.name]: whole }, { signal });
        const factor = (whole.shape[0] as number) / labels.length;
        const scores = rowsOf(result[output.name] as Tensor, labels.length, factor);
        for (const rank of rankLabels(scores, labels, source, output.name)) ranks.push(rank);
      }
      done += labels.length + part.skipped.length;
      onProgress?.(done);
    }
  };
  const began = performance.now();
  const stop = (error: unknown) => {
    isOver = true;
    throw error;
  };
  // allSettled and not all: the caller releases the session on an error, so no run may be in flight
  // then.
  const workers = await Promise.allSettled(
    Array.from({ length: IN_FLIGHT }, () => work().catch(stop)),
  );
  const seconds = (performance.now() - began) / 1000;
  for (const worker of workers) if (worker.status === 'rejected') throw worker.reason;

  const ran = ranks.length;
  const [first] = skipped;
  if (ran === 0 && first !== undefined) {
    const sentence =
      'expected pictures that can be read but all ' +
      `${skipped.length} are broken, such as ${first.why}`;
    throw new BitplaneError('ERR_FORMAT', sentence, { op: OP, node: source.name });
  }
  const share = (k: number) => (100 * ranks.filter((rank) => rank < k).length) / ran;
  return {
    top1: share(1),
    top5: share(5),
    n: ran,
    skipped: sorted(skipped),
    imagesPerSecond: ran / seconds,
  };
}

/** The input that takes pictures and the output that gives scores. */
function ends(runner: Runner): readonly [input: TensorMetadata, output: TensorMetadata] {
  const [input, ...others] = runner.inputMetadata;
  const output = runner.outputMetadata[0];
  if (input === undefined || output === undefined || others.length > 0)
    throw expected('ERR_FEED', 'a model with one input', `${runner.inputMetadata.length} inputs`, {
      op: OP,
    });
  if (input.dtype !== 'f32')
    throw expected('ERR_DTYPE', 'an input of dtype f32', input.dtype, {
      op: OP,
      node: input.name,
    });
  return [input, output];
}

/**
 * The pictures. For a model with a fixed batch, copies of the first picture fill them up to a
 * multiple of that batch.
 */
export function fillBatch(x: Tensor<'f32'>, batch: number | string | undefined): Tensor<'f32'> {
  const [count = 0, ...rest] = x.shape;
  if (typeof batch !== 'number' || batch < 1 || count % batch === 0) return x;
  const size = x.data.length / count;
  const rows = Math.ceil(count / batch) * batch;
  const out = new Float32Array(rows * size);
  out.set(x.data);
  const first = x.data.subarray(0, size);
  for (let at = x.data.length; at < out.length; at += size) out.set(first, at);
  return new Tensor('f32', out, [rows, ...rest]);
}

/** The first `count` rows of `factor` times as many. */
function rowsOf(scores: Tensor, count: number, factor: number): Tensor {
  if (factor === 1 || scores.dtype === 'b1' || scores.shape.length === 0) return scores;
  const data = scores.data.subarray(0, Math.round(scores.data.length / factor));
  return new Tensor(scores.dtype, data as never, [count, ...scores.shape.slice(1)]);
}

/** Batches end in any order, so the skipped files are sorted into the order of the data set. */
function sorted(skipped: readonly Skipped[]): Skipped[] {
  return [...skipped].sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** The rank of each label among the scores of its row, 0 for the highest. */
function rankLabels(
  scores: Tensor,
  labels: Int32Array,
  { name, classes: least }: PictureSource,
  output: string,
): number[] {
  const site = { op: OP, node: output };
  const classes = scores.data.length / labels.length;
  if (!Number.isInteger(classes) || scores.dtype === 'b1' || classes < least) {
    const what = `${labels.length} rows of at least ${least} scores, one a class of ${name}`;
    throw expected('ERR_SHAPE', what, `${scores.dtype} [${scores.shape.join(', ')}]`, site);
  }
  const beyond = labels.find((label) => label >= classes);
  if (beyond !== undefined)
    throw expected('ERR_SHAPE', `more than ${beyond} scores, a label of ${name},`, classes, site);
  return Array.from(labels, (label, row) =>
    rankOf(scores.data.subarray(row * classes, (row + 1) * classes), label),
  );
}

/**
 * The accuracy of a model on a data set. Not here: opening either, and printing (eval.ts).
 */
import { BitplaneError, expected } from '../core/errors.js';
import type { Dataset, Skipped } from '../data/dataset.js';
import { type Preprocess, preprocessPixels } from '../data/preprocess.js';
import { Tensor } from '../tensor/tensor.js';
import { type Runner, runRows } from './run-rows.js';

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

export interface EvaluateOptions {
  /** Only the first `limit` pictures. */
  readonly limit?: number | undefined;
  readonly batch?: number | undefined;
  readonly onProgress?: (done: number) => void;
}

/**
 * Batches in flight: while one runs, the next is read and prepared, and one more waits so that no
 * core idles between.
 */
const IN_FLIGHT = 3;
const DEFAULT_BATCH = 32;

/**
 * Runs `data` through the only input and the first output of `runner`. A label scores by its rank:
 * the number of classes with a higher score, ties going to the lower index; NaN ranks last.
 * @throws BitplaneError ERR_FEED where the model has several inputs, ERR_SHAPE where it has fewer
 * outputs than there are classes
 */
export async function evaluate(
  runner: Runner,
  data: Dataset,
  preprocess: Preprocess,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const [input, ...others] = runner.inputMetadata;
  const output = runner.outputMetadata[0];
  if (input === undefined || output === undefined || others.length > 0) {
    throw expected('ERR_FEED', 'a model with one input', `${runner.inputMetadata.length} inputs`, {
      op: 'eval',
    });
  }
  if (input.dtype !== 'f32')
    throw expected('ERR_DTYPE', 'an input of dtype f32', input.dtype, {
      op: 'eval',
      node: input.name,
    });
  const n = Math.min(data.size, options.limit ?? data.size);
  const batch = options.batch ?? DEFAULT_BATCH;
  const ranks: number[] = [];
  const skipped: Skipped[] = [];
  let done = 0;
  let next = 0;

  const work = async (): Promise<void> => {
    while (next < n) {
      const from = next;
      const to = Math.min(n, from + batch);
      next = to;
      const { pixels, labels, skipped: broken = [] } = await data.read(from, to);
      for (const file of broken) skipped.push(file);
      if (labels.length > 0) {
        const whole = fillBatch(pixels, labels.length, input.shape[0]);
        const result = await runRows(runner, {
          [input.name]: preprocessPixels(whole, data.pictureShape, preprocess),
        });
        const scores = rowsOf(
          result[output.name] as Tensor,
          labels.length,
          whole.length / pixels.length,
        );
        for (const rank of rankLabels(scores, labels, data, output.name)) ranks.push(rank);
      }
      done += to - from;
      options.onProgress?.(done);
    }
  };
  const began = performance.now();
  const stop = (error: unknown) => {
    next = n;
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
    throw new BitplaneError('ERR_FORMAT', sentence, { op: 'eval', node: data.name });
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

/**
 * The pictures. For a model with a fixed batch, copies of the first picture fill them up to a
 * multiple of that batch.
 */
function fillBatch(
  pixels: Uint8Array,
  count: number,
  batch: number | string | undefined,
): Uint8Array {
  if (typeof batch !== 'number' || batch < 1 || count % batch === 0) return pixels;
  const size = pixels.length / count;
  const out = new Uint8Array(Math.ceil(count / batch) * batch * size);
  for (let at = 0; at < out.length; at += size)
    out.set(at < pixels.length ? pixels.subarray(at, at + size) : pixels.subarray(0, size), at);
  return out;
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
function rankLabels(scores: Tensor, labels: Int32Array, data: Dataset, name: string): number[] {
  const classes = scores.data.length / labels.length;
  if (!Number.isInteger(classes) || scores.dtype === 'b1' || classes < data.classes.length) {
    const what =
      `${labels.length} rows of at least ${data.classes.length} scores, ` +
      `one a class of ${data.name}`;
    throw expected('ERR_SHAPE', what, `${scores.dtype} [${scores.shape.join(', ')}]`, {
      op: 'eval',
      node: name,
    });
  }
  return Array.from(labels, (label, row) =>
    rankOf(scores.data.subarray(row * classes, (row + 1) * classes), label),
  );
}

function rankOf(scores: Tensor['data'], label: number): number {
  const own = scores[label] as number;
  if (Number.isNaN(own)) return scores.length;
  let rank = 0;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number;
    if (score > own || (score === own && i < label)) rank++;
  }
  return rank;
}

/**
 * The indices of the `k` highest scores of a row, highest first, ties by index; as `rankOf` ranks
 * them.
 */
export function topClasses(scores: Tensor['data'], k: number): number[] {
  return Array.from(scores, (_, i) => i)
    .filter((i) => !Number.isNaN(scores[i]))
    .sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b)
    .slice(0, k);
}

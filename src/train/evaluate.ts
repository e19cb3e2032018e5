/**
 * What a network answers on a set of pictures. Not here: what is made of it (tables, pages).
 */
import { requireOptions, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { batches } from '../data/batches.js';
import type { Normalization } from '../data/normalization.js';
import { type PictureSet, requirePictureSet } from '../data/picture-set.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';

/** A session of a network with one input of pictures and one output of a number a class. */
export interface Classifier {
  /** Pictures first. */
  readonly inputNames: readonly string[];
  /** Scores first. */
  readonly outputNames: readonly string[];
  /** Takes floats by the input's name; `never` lets sessions of any typed graph be one. */
  run(
    feeds: never,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Readonly<Record<string, TensorLike>>>;
}

/** How a trained network is measured. */
export interface EvaluateOptions {
  /** Default 256. */
  readonly batchSize?: number | undefined;
  /** Default the set's own. */
  readonly normalization?: Normalization | undefined;
  /** Stops it: the promise is rejected with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/** How often a network is right, and about which classes. */
export interface Evaluation {
  /** Share of the pictures, 0 to 1, whose label has the greatest number; of equals the first. */
  readonly accuracy: number;
  /** The mean cross-entropy. */
  readonly loss: number;
  /** The answer to each picture, in the set's order. */
  readonly predictions: Int32Array;
  /** [label][answer]: how many pictures. */
  readonly confusion: readonly Int32Array[];
}

/**
 * The accuracy and the mean loss of a model on a data set, as it decides after training.
 * @throws BitplaneError ERR_ABORTED, and what running throws
 */
export async function evaluate(
  network: Classifier,
  set: PictureSet,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  requireOptions(
    options,
    { batchSize: true, normalization: true, signal: true },
    { op: 'evaluate' },
  );
  if (typeof network?.run !== 'function' || !Array.isArray(network.inputNames))
    throw expected('ERR_ARGUMENT', 'a session', network, { op: 'evaluate' });
  requirePictureSet(set, 'evaluate');
  const { batchSize = 256, normalization, signal } = options;
  requireSignal(signal, { op: 'evaluate' });
  const [input] = network.inputNames;
  const [output] = network.outputNames;
  const classes = set.classes.length;
  const predictions = new Int32Array(set.size);
  const confusion = Array.from({ length: classes }, () => new Int32Array(classes));
  let [correct, loss] = [0, 0];
  const size = Math.min(batchSize, set.size);
  for (const batch of batches(set, { batchSize: size, normalization })) {
    const results = await network.run(
      { [input!]: batch.x } as never,
      signal === undefined ? {} : { signal },
    );
    const numbers = (results[output!] as Tensor<'f32'>).data;
    if (numbers.length !== batch.size * classes)
      throw new BitplaneError(
        'ERR_SHAPE',
        `expected an output of ${classes} numbers a picture, one a class, ` +
          `but received ${numbers.length / batch.size}`,
        { op: 'evaluate', node: output },
      );
    for (let row = 0; row < batch.size; row++) {
      const label = batch.labels[row]!;
      const answer = greatest(numbers, row * classes, classes);
      loss += surprise(numbers, row * classes, classes, label);
      predictions[batch.step * size + row] = answer;
      confusion[label]![answer]!++;
      if (answer === label) correct++;
    }
  }
  return { accuracy: correct / set.size, loss: loss / set.size, predictions, confusion };
}

/** The place of the greatest of `count` numbers from `first` on; the first of equals. */
export function greatest(numbers: Float32Array, first: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (numbers[first + i]! > numbers[first + best]!) best = i;
  return best;
}

/** -log softmax of `count` numbers from `first` on, at `label`. */
function surprise(numbers: Float32Array, first: number, count: number, label: number): number {
  const top = numbers[first + greatest(numbers, first, count)] as number;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.exp((numbers[first + i] as number) - top);
  return top + Math.log(sum) - (numbers[first + label] as number);
}

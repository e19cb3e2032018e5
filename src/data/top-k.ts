/**
 * The best classes of scores. Not here: which scores are good (src/train/losses.ts).
 *
 * Higher is better; of equal scores the lower index comes first, and NaN is never among the best.
 */
import { isNumbers } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { isSize, showShape } from '../core/shape.js';
import { isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';
import { valuesOf } from '../tensor/values.js';

/** One of the best classes of a picture. */
export interface Top {
  /** The number of the class, from 0. */
  readonly index: number;
  /** What it is called; its number where no labels were given. */
  readonly label: string;
  /** As the network gave it. */
  readonly score: number;
}

/**
 * The `k` best classes of one picture, the best first; fewer where there are fewer scores.
 *
 *     topK(softmax(logits), 5, recipe.labels)[0]    // { index: 281, label: 'tabby', score: 0.82 }
 *
 * @param scores [C], [1, C], or [1, C, 1, 1]; of several pictures `topKRows` gives all
 * @param labels names of the classes in the order of the scores, at least as many
 * @throws BitplaneError ERR_ARGUMENT, and ERR_SHAPE for scores of several pictures
 */
export function topK(
  scores: TensorLike | ArrayLike<number>,
  k = 5,
  labels?: readonly string[],
): Top[] {
  const rows = rowsOf(scores, 'topK');
  requireCount(k, labels, 'topK');
  if (rows.length !== 1)
    throw new BitplaneError(
      'ERR_SHAPE',
      `expected the scores of one picture but received those of ${rows.length}: topKRows gives ` +
        'the best of each',
      { op: 'topK' },
    );
  return best(rows[0] as ArrayLike<number>, k, labels, 'topK');
}

/**
 * `topK` of each picture of a batch.
 * @param scores [N, C], or [N, C, 1, 1]
 * @throws BitplaneError ERR_ARGUMENT, and ERR_SHAPE for maps
 */
export function topKRows(scores: TensorLike, k = 5, labels?: readonly string[]): Top[][] {
  const rows = rowsOf(scores, 'topKRows');
  requireCount(k, labels, 'topKRows');
  return rows.map((row) => best(row, k, labels, 'topKRows'));
}

/** The scores of each picture; one axis, or an array, is one picture. */
function rowsOf(scores: unknown, op: string): ArrayLike<number>[] {
  if (isTensorLike(scores)) {
    const tensor = Tensor.from(scores);
    if (tensor.shape.slice(1).filter((size) => size !== 1).length > 1)
      throw expected('ERR_SHAPE', 'scores [N, C] or [N, C, 1, 1]', showShape(tensor.shape), { op });
    const values = valuesOf(tensor);
    const count = tensor.shape.length < 2 ? 1 : (tensor.shape[0] as number);
    const size = values.length / count;
    if (size === 0 || count === 0)
      throw expected('ERR_ARGUMENT', 'at least one score', showShape(tensor.shape), { op });
    return Array.from({ length: count }, (_, i) => values.subarray(i * size, (i + 1) * size));
  }
  if (!isNumbers(scores) || scores.length === 0)
    throw expected('ERR_ARGUMENT', 'scores, a tensor or an array of numbers,', scores, { op });
  return [scores];
}

function requireCount(k: unknown, labels: unknown, op: string): void {
  if (!isSize(k) || k === 0)
    throw expected('ERR_ARGUMENT', 'k to be a whole number of 1 or more', k, { op });
  if (labels === undefined) return;
  if (!Array.isArray(labels) || !labels.every((label) => typeof label === 'string'))
    throw expected('ERR_ARGUMENT', 'labels to be an array of names', labels, { op });
}

function best(
  scores: ArrayLike<number>,
  k: number,
  labels: readonly string[] | undefined,
  op: string,
): Top[] {
  if (labels !== undefined && labels.length < scores.length)
    throw expected('ERR_ARGUMENT', `${scores.length} labels, one a score`, labels.length, { op });
  return topClasses(scores, k).map((index) => ({
    index,
    label: labels?.[index] ?? String(index),
    score: scores[index] as number,
  }));
}

/** The indices of the `k` best scores of a row, as `rankOf` ranks them. */
export function topClasses(scores: ArrayLike<number>, k: number): number[] {
  return Array.from(scores, (_, i) => i)
    .filter((i) => !Number.isNaN(scores[i]))
    .sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b)
    .slice(0, k);
}

/** How many scores of a row are better than that of `label`. */
export function rankOf(scores: ArrayLike<number>, label: number): number {
  const own = scores[label] as number;
  if (Number.isNaN(own)) return scores.length;
  let rank = 0;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number;
    if (score > own || (score === own && i < label)) rank++;
  }
  return rank;
}

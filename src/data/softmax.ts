/**
 * Scores to probabilities. Not here: the op of networks (src/ops/softmax.ts), which rounds each
 * step to float32.
 */
import { isNumbers } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';
import { valuesOf } from '../tensor/values.js';

/**
 * exp(x) over the sum of all exp(x) of a row, computed in float64. Rows are the last axis, so that
 * scores [N, C] give probabilities [N, C], each row with the sum 1. A row with a NaN or +Infinity,
 * or of -Infinity only, is all NaN; -Infinity among others gives 0.
 * @param scores a tensor of any shape, or an array as one row
 * @returns a tensor of the same shape, or a Float32Array
 * @throws BitplaneError ERR_ARGUMENT
 */
export function softmax(scores: TensorLike): Tensor<'f32'>;
export function softmax(scores: ArrayLike<number>): Float32Array;
export function softmax(scores: TensorLike | ArrayLike<number>): Tensor<'f32'> | Float32Array {
  if (isTensorLike(scores)) {
    const tensor = Tensor.from(scores);
    const values = valuesOf(tensor);
    const row = tensor.shape.at(-1) ?? 1;
    const out = new Float32Array(values.length);
    for (let at = 0; at < out.length; at += row)
      softmaxInto(values.subarray(at, at + row), out.subarray(at, at + row));
    return new Tensor('f32', out, tensor.shape);
  }
  if (!isNumbers(scores))
    throw expected('ERR_ARGUMENT', 'scores, a tensor or an array of numbers,', scores, {
      op: 'softmax',
    });
  const out = new Float32Array(scores.length);
  softmaxInto(scores, out);
  return out;
}

/** The greatest is subtracted first, so that no exponential overflows. */
function softmaxInto(row: ArrayLike<number>, out: Float32Array): void {
  let greatest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) greatest = Math.max(greatest, row[i] as number);
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp((row[i] as number) - greatest);
  for (let i = 0; i < row.length; i++) out[i] = Math.exp((row[i] as number) - greatest) / sum;
}

/**
 * Tensors as plain numbers and back, for oracles and constant folding. Not here: anything a run
 * calls; speed.
 */
import { byteLength, DTYPES, type DType, type DTypeArray } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import { Tensor } from './tensor.js';

/**
 * The elements in row-major order; those of b1 as -1 and +1. The array of a tensor that is not b1
 * is its own: do not write to it.
 */
export function valuesOf(tensor: Tensor): DTypeArray {
  const { data } = tensor;
  if (tensor.dtype !== 'b1') return data;
  const values = new Int8Array(tensor.size);
  for (let i = 0, bits = 0; i < values.length; i++, bits >>= 1) {
    if ((i & 7) === 0) bits = data[i >> 3] as number;
    values[i] = 1 - ((bits & 1) << 1);
  }
  return values;
}

/**
 * The tensor of these elements; for b1 an element below zero is -1, and every other (0, -0 and NaN
 * too) is +1.
 */
export function tensorOf<D extends DType>(
  dtype: D,
  values: ArrayLike<number>,
  shape: readonly number[],
): Tensor<D> {
  if (dtype !== 'b1') {
    const { array } = DTYPES[dtype];
    return new Tensor(
      dtype,
      (values instanceof array ? values : array.from(values)) as DTypeArray<D>,
      shape,
    );
  }
  const bits = new Uint8Array(byteLength('b1', elementCount(shape)));
  const done = values instanceof Float32Array ? packWhole(values, bits) : 0;
  for (let i = done; i < bits.length; i++) {
    let byte = 0;
    const end = Math.min(8, values.length - i * 8);
    for (let bit = 0; bit < end; bit++) byte |= Number((values[i * 8 + bit] as number) < 0) << bit;
    bits[i] = byte;
  }
  return new Tensor(dtype, bits as DTypeArray<D>, shape);
}

/**
 * The signs of floats that come in parts, each of which may be overwritten by the next; of all but
 * the last the length is a multiple of 8.
 */
export function signsOf(parts: Iterable<Float32Array>, shape: readonly number[]): Tensor<'b1'> {
  const bits = new Uint8Array(byteLength('b1', elementCount(shape)));
  let done = 0;
  for (const part of parts) {
    bits.set(tensorOf('b1', part, [part.length]).data, done);
    done += part.length >> 3;
  }
  return new Tensor('b1', bits as DTypeArray<'b1'>, shape);
}

/**
 * The signs of as many floats as fill whole bytes; gives the number of bytes. Binary weights of a
 * file come as millions of floats, and a loop over one kind of array takes a fifth of the time of
 * one over every kind.
 */
function packWhole(values: Float32Array, bits: Uint8Array): number {
  const whole = Math.min(bits.length, values.length >> 3);
  // Not `? 1 : 0`: every second branch on the sign of a weight is mispredicted.
  for (let i = 0, at = 0; i < whole; i++, at += 8)
    bits[i] =
      Number(values[at]! < 0) |
      (Number(values[at + 1]! < 0) << 1) |
      (Number(values[at + 2]! < 0) << 2) |
      (Number(values[at + 3]! < 0) << 3) |
      (Number(values[at + 4]! < 0) << 4) |
      (Number(values[at + 5]! < 0) << 5) |
      (Number(values[at + 6]! < 0) << 6) |
      (Number(values[at + 7]! < 0) << 7);
  return whole;
}

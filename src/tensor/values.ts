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
  if (tensor.dtype !== 'b1') return tensor.data;
  const values = new Int8Array(tensor.size);
  for (let i = 0, bits = 0; i < values.length; i++, bits >>= 1) {
    if ((i & 7) === 0) bits = tensor.data[i >> 3] as number;
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
  for (let i = 0; i < bits.length; i++) {
    let byte = 0;
    const end = Math.min(8, values.length - i * 8);
    // Not `? 1 : 0`: every second branch on the sign of a weight is mispredicted, which made this
    // six times as slow.
    for (let bit = 0; bit < end; bit++) byte |= Number((values[i * 8 + bit] as number) < 0) << bit;
    bits[i] = byte;
  }
  return new Tensor(dtype, bits as DTypeArray<D>, shape);
}

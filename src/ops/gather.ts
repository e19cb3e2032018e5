/**
 * The element-moving half of transpose, slice, expand, pad and concat on constants: any dtype, bits included.
 * Not here: their shape rules.
 */
import type { Tensor } from '../tensor/tensor.js';
import { tensorOf, valuesOf } from '../tensor/values.js';

/** The tensor whose element i is element source(i) of x. */
export function gather(x: Tensor, shape: readonly number[], source: (index: number) => number): Tensor {
  const from = valuesOf(x);
  const size = shape.reduce((product, dim) => product * dim, 1);
  // An array of the tensor's own kind: bits travel as -1 and +1.
  const values = new (from.constructor as Int8ArrayConstructor)(size);
  for (let i = 0; i < size; i++) values[i] = from[source(i)]!;
  return tensorOf(x.dtype, values, shape);
}

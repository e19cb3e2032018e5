/**
 * The element-moving half of transpose, slice and expand on constants: any dtype, bits included.
 * Not here: their shape rules; pad and concat, which write where these read.
 *
 * Importing a model transposes every weight of it, so this is most of what folding costs: no
 * arithmetic an element but one addition.
 */
import type { DTypeArray } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { tensorOf, valuesOf } from '../tensor/values.js';

interface Axis {
  readonly size: number;
  readonly stride: number;
}

/**
 * The tensor whose element at coordinates c is x's element number offset + sum of c[axis] *
 * strides[axis].
 */
export function gather(
  x: Tensor,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): Tensor {
  const from = valuesOf(x);
  // An array of the tensor's own kind: bits travel as -1 and +1.
  const to = new (from.constructor as Int8ArrayConstructor)(elementCount(shape));
  const axes = merged(shape, strides);
  if (to.length > 0) copy(from, offset, to, 0, axes, 0);
  return tensorOf(x.dtype, to, shape);
}

/**
 * The same walk over fewer, longer axes: an axis joins the one inside it where that ends at its own
 * next step. Always one axis at least.
 */
function merged(shape: readonly number[], strides: readonly number[]): Axis[] {
  const axes: Axis[] = [{ size: 1, stride: 1 }];
  for (let i = shape.length - 1; i >= 0; i--) {
    const [size, stride] = [shape[i]!, strides[i]!];
    const inner = axes[0]!;
    if (size === 1) continue;
    if (inner.size === 1) axes[0] = { size, stride };
    else if (stride === inner.size * inner.stride)
      axes[0] = { size: inner.size * size, stride: inner.stride };
    else axes.unshift({ size, stride });
  }
  return axes;
}

/**
 * Writes the box of axes[depth] and those inside it to `to` from `at` on; returns where it ended.
 */
function copy(
  from: DTypeArray,
  source: number,
  to: DTypeArray,
  at: number,
  axes: readonly Axis[],
  depth: number,
): number {
  const { size, stride } = axes[depth]!;
  if (depth < axes.length - 1) {
    let end = at;
    for (let i = 0; i < size; i++) end = copy(from, source + i * stride, to, end, axes, depth + 1);
    return end;
  }
  for (let i = 0; i < size; i++) to[at + i] = from[source + i * stride]!;
  return at + size;
}

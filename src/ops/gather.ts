/**
 * The element-moving half of transpose, slice and expand on constants: any dtype, bits included.
 * Not here: their shape rules; pad and concat, which write where these read.
 *
 * Importing a model transposes every weight of it, so this is most of what folding costs: no
 * arithmetic an element but one addition.
 */
import { byteLength, type DTypeArray } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import { Tensor } from '../tensor/tensor.js';

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
  const axes = merged(shape, strides);
  const count = elementCount(shape);
  if (x.dtype === 'b1') {
    const bits = new Uint8Array(byteLength('b1', count));
    if (count > 0) new BitWriter(x.data as Uint8Array, bits).copy(offset, axes);
    return new Tensor(x.dtype, bits as DTypeArray, shape);
  }
  const to = new (x.data.constructor as Int8ArrayConstructor)(count) as DTypeArray;
  if (count > 0) copy(sameBits(x.data), offset, sameBits(to), 0, axes, 0);
  return new Tensor(x.dtype, to, shape);
}

/**
 * The elements as integers of their width: a loop over few kinds of arrays takes half the time of
 * one over many.
 */
function sameBits(array: DTypeArray): Uint8Array | Int32Array | DTypeArray {
  const { buffer, byteOffset, length, BYTES_PER_ELEMENT: bytes } = array;
  if (bytes === 4) return new Int32Array(buffer, byteOffset, length);
  return bytes === 1 ? new Uint8Array(buffer, byteOffset, length) : array;
}

/** Gathers single bits, in the order of their places in the result. */
class BitWriter {
  private at = 0;
  private byte = 0;
  private place = 0;

  constructor(
    private readonly from: Uint8Array,
    private readonly to: Uint8Array,
  ) {}

  copy(source: number, axes: readonly Axis[]): void {
    this.walk(source, axes, 0);
    if (this.place > 0) this.to[this.at] = this.byte;
  }

  private walk(source: number, axes: readonly Axis[], depth: number): void {
    const { size, stride } = axes[depth]!;
    if (depth < axes.length - 1) {
      for (let i = 0; i < size; i++) this.walk(source + i * stride, axes, depth + 1);
      return;
    }
    const { from, to } = this;
    let { at, byte, place } = this;
    let i = 0;
    let bit = source;
    // Whole bytes, without a question after each bit: half the time.
    for (; place === 0 && i + 8 <= size; i += 8) {
      let whole = (from[bit >>> 3]! >>> (bit & 7)) & 1;
      bit += stride;
      whole |= ((from[bit >>> 3]! >>> (bit & 7)) & 1) << 1;
      bit += stride;
      whole |= ((from[bit >>> 3]! >>> (bit & 7)) & 1) << 2;
      bit += stride;
      whole |= ((from[bit >>> 3]! >>> (bit & 7)) & 1) << 3;
      bit += stride;
      whole |= ((from[bit >>> 3]! >>> (bit & 7)) & 1) << 4;
      bit += stride;
      whole |= ((from[bit >>> 3]! >>> (bit & 7)) & 1) << 5;
      bit += stride;
      whole |= ((from[bit >>> 3]! >>> (bit & 7)) & 1) << 6;
      bit += stride;
      whole |= ((from[bit >>> 3]! >>> (bit & 7)) & 1) << 7;
      bit += stride;
      to[at++] = whole;
    }
    for (; i < size; i++, bit += stride) {
      byte |= ((from[bit >>> 3]! >> (bit & 7)) & 1) << place;
      if (++place < 8) continue;
      to[at++] = byte;
      byte = place = 0;
    }
    this.at = at;
    this.byte = byte;
    this.place = place;
  }
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

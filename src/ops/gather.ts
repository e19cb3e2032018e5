/**
 * The element-moving half of transpose, slice and expand on constants: any dtype, bits included.
 * Not here: their shape rules; pad and concat, which write where these read.
 *
 * Importing a model transposes every weight of it. So a large result is no copy: its elements are
 * moved, in parts, when someone asks for them, which of weights is mostly the packing. No
 * arithmetic an element but one addition.
 */
import { byteLength, DTYPES, type DType, type DTypeArray, isSubByte } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import {
  type ByteSource,
  giveScratch,
  LEAST_STORED_BYTES,
  sameSource,
  sourceOf,
  storedTensor,
  takeScratch,
} from '../tensor/stored.js';
import { Tensor } from '../tensor/tensor.js';

interface Axis {
  readonly size: number;
  readonly stride: number;
}

/** Elements that are moved out of elements that were moved, and so on, at most. */
const MOST_DEPTH = 4;

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
  if (!isSubByte(x.dtype) && byteLength(x.dtype, count) >= LEAST_STORED_BYTES) {
    const source = new MovedElements(x, axes, offset, count);
    if (source.isWorthwhile) return storedTensor(x.dtype, shape, source);
  }
  const bits = x.dtype === 'b1';
  const to = new DTYPES[x.dtype].array(bits ? byteLength('b1', count) : count) as DTypeArray;
  if (count > 0) move(x.dtype, x.data, to, { axes, offset, first: 0, end: count });
  return new Tensor(x.dtype, to, shape);
}

/** Elements [first, end) of the result, each at offset + its coordinates times the strides. */
interface Range {
  readonly axes: readonly Axis[];
  readonly offset: number;
  readonly first: number;
  readonly end: number;
}

/** Writes a range of the result to the beginning of `to`. */
function move(dtype: DType, from: DTypeArray, to: DTypeArray, range: Range): void {
  const { axes, offset, first, end } = range;
  if (dtype === 'b1')
    new BitWriter(from as Uint8Array, to as Uint8Array).copy(offset, axes, first, end);
  else copy(sameBits(from), offset, sameBits(to), 0, axes, 0, first, end);
}

/** The bytes of a moved x. */
class MovedElements implements ByteSource {
  readonly depth: number;

  constructor(
    private readonly x: Tensor,
    private readonly axes: readonly Axis[],
    private readonly offset: number,
    private readonly count: number,
  ) {
    const source = sourceOf(x);
    this.depth = source instanceof MovedElements ? source.depth + 1 : 1;
  }

  /**
   * True where this takes less than a copy: all of x is asked for, which is in memory, or parts of
   * it that lie together, which are read from elsewhere.
   */
  get isWorthwhile(): boolean {
    if (this.depth > MOST_DEPTH) return false;
    if (sourceOf(this.x) === undefined) return this.count >= this.x.size;
    return this.touched(0, 1) !== undefined;
  }

  read(target: Uint8Array, from: number): void {
    const { x, axes, offset } = this;
    const { array: Kind, bits } = DTYPES[x.dtype];
    const width = Kind.BYTES_PER_ELEMENT;
    const lead = from % width;
    if (lead !== 0 || target.length % width !== 0 || target.byteOffset % width !== 0) {
      const whole = new Uint8Array(Math.ceil((lead + target.length) / width) * width);
      this.read(whole, from - lead);
      target.set(whole.subarray(lead, lead + target.length));
      return;
    }
    const over = (bytes: Uint8Array) =>
      new Kind(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / width) as DTypeArray;
    const first = (from * 8) / bits;
    const end = Math.min(this.count, ((from + target.length) * 8) / bits);
    if (first >= end) return;
    const source = sourceOf(x);
    const part = source && this.touched(first, end);
    if (source === undefined || part === undefined) {
      move(x.dtype, x.data, over(target), { axes, offset, first, end });
      return;
    }
    const scratch = takeScratch(part.bytes);
    try {
      source.read(scratch, part.from);
      const there = offset - (part.from * 8) / bits;
      move(x.dtype, over(scratch), over(target), { axes, offset: there, first, end });
    } finally {
      giveScratch(scratch);
    }
  }

  equals(other: ByteSource): boolean {
    if (!(other instanceof MovedElements)) return false;
    const [a, b] = [sourceOf(this.x), sourceOf(other.x)];
    const isSame = this.x === other.x || (a !== undefined && b !== undefined && sameSource(a, b));
    return (
      isSame &&
      this.x.dtype === other.x.dtype &&
      this.offset === other.offset &&
      this.axes.length === other.axes.length &&
      this.axes.every(({ size, stride }, i) => {
        const axis = other.axes[i]!;
        return size === axis.size && stride === axis.stride;
      })
    );
  }

  /**
   * The bytes of x that a range of the result is made of, where they are not many more than it is:
   * of weights that keep their outputs outermost, those of its outputs. Undefined where they are.
   */
  private touched(first: number, end: number): { from: number; bytes: number } | undefined {
    const each = boxSize(this.axes, 1);
    const [from, to] = [Math.floor(first / each), Math.ceil(end / each)];
    let [least, most] = [this.offset, this.offset];
    for (const [depth, { size, stride }] of this.axes.entries()) {
      const near = depth === 0 ? from * stride : 0;
      const far = (depth === 0 ? to - 1 : size - 1) * stride;
      least += Math.min(near, far);
      most += Math.max(near, far);
    }
    if (most - least >= SPREAD * (to - from) * each) return undefined;
    const { bits, array } = DTYPES[this.x.dtype];
    const width = array.BYTES_PER_ELEMENT;
    const begin = Math.floor((least * bits) / 8 / width) * width;
    const bytes = Math.ceil(((most + 1) * bits) / 8) - begin;
    return { from: begin, bytes: Math.ceil(bytes / width) * width };
  }
}

/** Reading so many times what is needed takes less time than asking for each element. */
const SPREAD = 2;

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

  copy(source: number, axes: readonly Axis[], first: number, end: number): void {
    this.walk(source, axes, 0, first, end);
    if (this.place > 0) this.to[this.at] = this.byte;
  }

  private walk(
    source: number,
    axes: readonly Axis[],
    depth: number,
    first: number,
    end: number,
  ): void {
    const { stride } = axes[depth]!;
    if (depth < axes.length - 1) {
      const each = boxSize(axes, depth + 1);
      for (let i = Math.floor(first / each); i * each < end; i++)
        this.walk(
          source + i * stride,
          axes,
          depth + 1,
          Math.max(0, first - i * each),
          Math.min(each, end - i * each),
        );
      return;
    }
    const { from, to } = this;
    let { at, byte, place } = this;
    const size = end;
    let i = first;
    let bit = source + first * stride;
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

/** Elements of axes[depth] and those inside it. */
function boxSize(axes: readonly Axis[], depth: number): number {
  let size = 1;
  for (let i = depth; i < axes.length; i++) size *= axes[i]!.size;
  return size;
}

/**
 * Writes elements [first, end) of the box of axes[depth] and those inside it to `to` from `at` on;
 * returns where it ended.
 */
function copy(
  from: DTypeArray,
  source: number,
  to: DTypeArray,
  at: number,
  axes: readonly Axis[],
  depth: number,
  first: number,
  end: number,
): number {
  const { stride } = axes[depth]!;
  if (depth < axes.length - 1) {
    const each = boxSize(axes, depth + 1);
    let done = at;
    for (let i = Math.floor(first / each); i * each < end; i++) {
      const lead = i * each;
      const [begin, last] = [Math.max(0, first - lead), Math.min(each, end - lead)];
      done = copy(from, source + i * stride, to, done, axes, depth + 1, begin, last);
    }
    return done;
  }
  const count = end - first;
  for (let i = 0, place = source + first * stride; i < count; i++, place += stride)
    to[at + i] = from[place]!;
  return at + count;
}

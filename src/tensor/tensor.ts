/**
 * A dense, immutable-by-convention array: dtype, shape, data in row-major order. Not here:
 * arithmetic.
 *
 * Structured clone (`postMessage`, `structuredClone`) keeps no class: what arrives is a TensorLike,
 * whatever TypeScript says of it. Every function takes one for a tensor, and `Tensor.from` gives
 * the methods back.
 */
import {
  byteLength,
  carries,
  DTYPE_LIST,
  DTYPES,
  type DType,
  type DTypeArray,
  type Integer,
  integerBounds,
  isSubByte,
} from '../core/dtype.js';
import { expected } from '../core/errors.js';
import { MAX_RANK } from '../core/limits.js';
import { elementCount, isSize, showShape } from '../core/shape.js';
import {
  axisOf,
  eachRun,
  greatestAt,
  jsonNumbers,
  type NestedNumbers,
  nested,
  PREVIEWED,
  preview,
  rangeOf,
  shapeFor,
} from './elements.js';
import { firstOutside } from './low-bits.js';
import { partOf } from './stored.js';
import { tensorOf, valuesOf } from './values.js';

/**
 * Marks a tensor, so that this copy of the package accepts tensors of another copy in the process.
 */
const MARK = Symbol.for('bitplane.Tensor/1');

/** The name under which Node looks for what `util.inspect` shows of an object. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** The plain form of a tensor: what arrives where a Tensor was sent to another thread. */
export interface TensorLike<D extends DType = DType> {
  /** The type of its elements. */
  readonly dtype: D;
  /**
   * The typed array of the dtype (see DTYPES), one entry an element; only a `b1` tensor holds
   * ceil(elements / 8) bytes, bit 1 meaning -1.
   */
  readonly data: DTypeArray<D>;
  /** Sizes of its axes, outermost first. */
  readonly shape: readonly number[];
}

/**
 * `new Tensor('f32', data, [1, 3, 32, 32])`. `data` is the typed array of the dtype (see DTYPES); a
 * `b1` tensor holds ceil(elements / 8) bytes, bit 1 meaning -1.
 *
 * @throws BitplaneError ERR_DTYPE, ERR_SHAPE
 */
export class Tensor<D extends DType = DType> implements TensorLike<D> {
  /** The type of its elements. */
  readonly dtype: D;
  /** The elements in row-major order; of b1 eight a byte, bit 1 meaning -1. */
  readonly data: DTypeArray<D>;
  /** Sizes of its axes, outermost first. */
  readonly shape: readonly number[];

  constructor(dtype: D, data: DTypeArray<D>, shape: readonly number[]) {
    if (!Object.hasOwn(DTYPES, dtype))
      throw expected('ERR_DTYPE', `a dtype of ${DTYPE_LIST}`, dtype, {
        op: 'Tensor',
      });
    const { array } = DTYPES[dtype];
    if (!carries(dtype, data))
      throw expected('ERR_DTYPE', `a ${array.name} for dtype ${dtype}`, data, { op: 'Tensor' });
    if (!Array.isArray(shape) || !shape.every(isSize))
      throw expected('ERR_SHAPE', 'a shape of whole numbers >= 0', shape, { op: 'Tensor' });
    if (shape.length > MAX_RANK)
      throw expected('ERR_SHAPE', `a shape of at most ${MAX_RANK} axes`, shape.length, {
        op: 'Tensor',
      });
    const length = dtype === 'b1' ? byteLength('b1', elementCount(shape)) : elementCount(shape);
    if (data.length !== length) {
      throw expected(
        'ERR_SHAPE',
        `${length} ${dtype === 'b1' ? 'bytes' : 'elements'} for shape ${showShape(shape)}`,
        data.length,
        {
          op: 'Tensor',
        },
      );
    }
    if (isSubByte(dtype)) requireWithin(dtype as Integer, data);
    this.dtype = dtype;
    this.data = data;
    this.shape = Object.freeze([...shape]);
  }

  static {
    Object.defineProperty(Tensor.prototype, MARK, { value: true });
    // What console.log shows. Not a method: it would be in the type of every tensor.
    const value = function (this: Tensor) {
      try {
        return `Tensor ${this.toString()}`;
      } catch {
        // Its file was closed, or it is no tensor but the prototype itself.
        return 'Tensor';
      }
    };
    Object.defineProperty(Tensor.prototype, INSPECT, { value });
    Object.defineProperty(Tensor, Symbol.hasInstance, { value: isInstance });
  }

  /**
   * A Tensor over the data of a TensorLike, such as one that came by `postMessage`. A Tensor is
   * returned as it is.
   * @throws BitplaneError ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE
   */
  static from<D extends DType>(value: TensorLike<D>): Tensor<D> {
    if (value instanceof Tensor) return value as Tensor<D>;
    if (value === null || typeof value !== 'object')
      throw expected('ERR_ARGUMENT', 'a tensor, or its dtype, data and shape,', value, {
        op: 'Tensor',
      });
    return new Tensor(value.dtype, value.data, value.shape);
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.shape);
  }

  /**
   * The same elements in another shape: the data is shared, not copied.
   * @param shape sizes, one of which may be -1: what the others leave
   * @throws BitplaneError ERR_SHAPE where it has another number of elements
   */
  reshape(shape: readonly number[]): Tensor<D> {
    return new Tensor(this.dtype, this.data, shapeFor(shape, this.size));
  }

  /**
   * A copy of a part, `t.slice(0, 2)` of the first two rows. Negative numbers count from the end,
   * as for arrays; what lies outside is left out.
   * @param from first index along the axis, default 0
   * @param to index behind the last, default the size of the axis
   * @param axis which one, default 0; negative from the last
   * @throws BitplaneError ERR_ARGUMENT, also for a tensor without axes
   */
  slice(from?: number, to?: number, axis = 0): Tensor<D> {
    const { dtype, shape } = this;
    const along = axisOf(axis, shape.length);
    const [begin, end] = rangeOf(from, to, shape[along] as number);
    const sizes = shape.map((size, i) => (i === along ? end - begin : size));
    const values = valuesOf(this);
    const kind = values.constructor as new (length: number) => DTypeArray;
    const out = new kind(elementCount(sizes));
    let at = 0;
    eachRun(shape, along, [begin, end], (first, length) => {
      out.set(values.subarray(first, first + length), at);
      at += length;
    });
    return tensorOf(dtype, out, sizes);
  }

  /**
   * Where the greatest element is: its index in row-major order, which is the class for scores
   * [1, C]; or, with an axis, its index along that axis for every place of the others. The first of
   * equal ones; NaN counts as less than every number.
   * @param axis negative from the last
   * @returns a number; with an axis a tensor of i32 whose shape lacks that axis
   * @throws BitplaneError ERR_SHAPE without elements, ERR_ARGUMENT for an axis that is not there
   */
  argMax(): number;
  argMax(axis: number): Tensor<'i32'>;
  argMax(axis?: number): number | Tensor<'i32'> {
    const { shape, size } = this;
    const values = valuesOf(this);
    if (axis === undefined) {
      if (size === 0)
        throw expected('ERR_SHAPE', 'at least one element', showShape(shape), { op: 'argMax' });
      return greatestAt(values, 0, size, 1);
    }
    const along = axisOf(axis, shape.length);
    const count = shape[along] as number;
    if (count === 0)
      throw expected('ERR_SHAPE', 'at least one element', showShape(shape), { op: 'argMax' });
    const inner = elementCount(shape.slice(along + 1));
    const rest = shape.filter((_, i) => i !== along);
    const at = (i: number) => Math.floor(i / inner) * inner * count + (i % inner);
    const found = Int32Array.from({ length: elementCount(rest) }, (_, i) =>
      greatestAt(values, at(i), count, inner),
    );
    return new Tensor('i32', found, rest);
  }

  /**
   * The elements as nested arrays of numbers, as deep as there are axes; those of b1 as -1 and +1.
   * A tensor without axes gives its number.
   * @throws BitplaneError ERR_LIMIT for an empty tensor of more than 2^20 empty lists
   */
  toArray(): NestedNumbers {
    return nested(valuesOf(this), this.shape);
  }

  /** Dtype, shape and the first elements: `f32[1, 3] [0.25, -1, 3.14159]`. */
  toString(): string {
    const { dtype, shape, size } = this;
    const count = Math.min(size, PREVIEWED);
    // Not all of the data: it may lie in a file.
    const first =
      dtype === 'b1'
        ? valuesOf(new Tensor('b1', partOf(this, 0, Math.ceil(count / 8)) as Uint8Array, [count]))
        : partOf(this, 0, count);
    return preview(dtype, shape, first, size);
  }

  /**
   * `{ dtype, shape, data }` for `JSON.stringify`, data as a plain list of all elements; those of
   * b1 as -1 and +1, and NaN and infinities, which JSON lacks, as texts.
   */
  toJSON(): {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: readonly (number | string)[];
  } {
    return { dtype: this.dtype, shape: this.shape, data: jsonNumbers(valuesOf(this)) };
  }
}

/**
 * A tensor of a dtype that is not known. Its `dtype` tells the type of its `data`: where
 * `t.dtype === 'f32'` holds, `t.data` is a Float32Array.
 */
export type AnyTensor = { readonly [D in DType]: Tensor<D> }[DType];

/** The tensor of a dtype; `AnyTensor` where it may be any. */
export type TensorOf<D extends DType> = [DType] extends [D] ? AnyTensor : Tensor<D>;

function requireWithin(dtype: Integer, data: DTypeArray): void {
  const outside = firstOutside(dtype, data);
  if (outside === undefined) return;
  const { lo, hi } = integerBounds(dtype);
  throw expected('ERR_DTYPE', `elements from ${lo} to ${hi} for dtype ${dtype}`, outside, {
    op: 'Tensor',
  });
}

function isInstance(this: typeof Tensor, value: unknown): boolean {
  // For a class that extends Tensor, `instanceof` keeps its usual meaning.
  if (this !== Tensor) return Function.prototype[Symbol.hasInstance].call(this, value);
  return typeof value === 'object' && value !== null && MARK in value;
}

/**
 * True for a Tensor and for its structured clone. `Tensor.from` checks whether shape and data
 * agree.
 */
export function isTensorLike(value: unknown): value is TensorLike {
  if (value instanceof Tensor) return true;
  if (value === null || typeof value !== 'object') return false;
  const { dtype, data, shape } = value as Partial<TensorLike>;
  return (
    typeof dtype === 'string' &&
    Object.hasOwn(DTYPES, dtype) &&
    ArrayBuffer.isView(data) &&
    Array.isArray(shape)
  );
}

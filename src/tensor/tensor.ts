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
import { firstOutside } from './low-bits.js';

/**
 * Marks a tensor, so that this copy of the package accepts tensors of another copy in the process.
 */
const MARK = Symbol.for('bitplane.Tensor/1');

/** The plain form of a tensor: what arrives where a Tensor was sent to another thread. */
export interface TensorLike<D extends DType = DType> {
  readonly dtype: D;
  /**
   * The typed array of the dtype (see DTYPES), one entry an element; only a `b1` tensor holds
   * ceil(elements / 8) bytes, bit 1 meaning -1.
   */
  readonly data: DTypeArray<D>;
  readonly shape: readonly number[];
}

/**
 * `new Tensor('f32', data, [1, 3, 32, 32])`. `data` is the typed array of the dtype (see DTYPES); a
 * `b1` tensor holds ceil(elements / 8) bytes, bit 1 meaning -1.
 *
 * @throws BitplaneError ERR_DTYPE, ERR_SHAPE
 */
export class Tensor<D extends DType = DType> implements TensorLike<D> {
  readonly dtype: D;
  readonly data: DTypeArray<D>;
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
}

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

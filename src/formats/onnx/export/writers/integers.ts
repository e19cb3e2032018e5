/**
 * Products of integers as ConvInteger and MatMulInteger, whose sums are exact in 32 bits; Conv and
 * MatMul of dequantized integers are floats, which onnxruntime's optimizer may quantize anew. A
 * product of floats is one of integers where both operands are integers less a zero point. Not
 * here: products of floats (./products.ts).
 */
import { type ByteInteger, integerBounds, isByteInteger } from '../../../../core/dtype.js';
import type { Value } from '../../../../graph/value.js';
import { isOp } from '../../../../ops/index.js';
import type { ZeroPointAttrs } from '../../../../ops/multiply.js';
import type { Tensor } from '../../../../tensor/tensor.js';
import { valuesOf } from '../../../../tensor/values.js';
import { DataType } from '../../data-type.js';
import { type Emission, reordered } from '../emission.js';
import { type Base, baseOf, channelsSecond, type Order, plainOrder, toBase } from '../order.js';
import { centeredOf } from '../patterns.js';
import { integerPayload } from '../payload.js';
import { mayExceed, RAISE, raised } from '../saturation.js';
import { convolutionAttributes } from './windows.js';

const MAP = channelsSecond(4);

/** Integers less zero points, one or one an output; q has the axes of `base`. */
interface Operand {
  readonly q: Value;
  readonly base: Base;
  readonly zeros: readonly number[];
}

export interface IntegerProduct {
  readonly x: Operand;
  readonly w: Operand;
}

/** The operands of a product of integers; undefined where onnxruntime has no node of that kind. */
export function integerProductOf(value: Value): IntegerProduct | undefined {
  if (!isOp(value, 'conv2d') && !isOp(value, 'dense') && !isOp(value, 'matmul')) return undefined;
  const [x, w] = value.inputs as readonly [Value, Value];
  if (value.attrs.padValue !== undefined && value.attrs.padValue !== 0) return undefined;
  const { zeroPoint = 0, weightZeros = [0] } = value.attrs as ZeroPointAttrs;
  // onnxruntime's ConvInteger has one zero point of weights for all outputs.
  if (isOp(value, 'conv2d') && weightZeros.length > 1) return undefined;
  const left = operandOf(x, [zeroPoint]);
  const right = left && operandOf(w, weightZeros);
  // Constants of x may be of 4 bits; bits that a run computes are floats in the file.
  if (right === undefined || !isByteInteger(left!.q.dtype) || isConstant(left!.q)) return undefined;
  if (!isByteInteger(right.q.dtype) && !isConstant(right.q)) return undefined;
  const product = { x: left!, w: right };
  return offsetOf(isOp(value, 'conv2d'), product) === undefined ? undefined : product;
}

/**
 * What constant weights are raised by, so that onnxruntime's sums do not saturate
 * (../saturation.ts); undefined where they do all the same. The right operand of its products is w
 * in MatMulInteger, and x in ConvInteger: an INT8 one wants few bits of the left.
 */
function offsetOf(isConv: boolean, { x, w }: IntegerProduct): number | undefined {
  const range = integerBounds(x.q.dtype as ByteInteger);
  const data = w.q.op === 'constant' ? valuesOf(w.q.data as Tensor) : undefined;
  if (!isConv) return data && mayExceed(w.q.data as Tensor, range) ? RAISE : 0;
  if (range.lo === 0) return 0;
  if (data === undefined) return undefined;
  let [lo, hi] = [0, 0];
  for (const weight of data) {
    if (weight < lo) lo = weight;
    if (weight > hi) hi = weight;
  }
  return hi - lo <= MOST_LEFT ? -lo : undefined;
}

/** Twice this by 128 fits 16 bits. */
const MOST_LEFT = 127;

function isConstant(q: Value): boolean {
  return baseOf(q).value.op === 'constant';
}

function operandOf(operand: Value, zeros: readonly number[]): Operand | undefined {
  const base = baseOf(operand);
  if (isByteInteger(operand.dtype) || operand.dtype === 'b1') return { q: base.value, base, zeros };
  const found = centeredOf(base.value);
  if (found === undefined || found.zero.numbers.length !== 1) return undefined;
  const inner = baseOf(found.q);
  const perm = base.perm.map((axis) => inner.perm[axis] as number);
  return {
    q: inner.value,
    base: { value: inner.value, perm },
    zeros: [...found.zero.numbers],
  };
}

export function writeIntegerProduct(
  emission: Emission,
  value: Value,
  { x, w }: IntegerProduct,
): void {
  const isConv = isOp(value, 'conv2d');
  const isFloat = value.dtype === 'f32';
  const order = isConv ? MAP : plainOrder(value.shape.length);
  const weightOrder = isConv ? MAP : isOp(value, 'dense') ? [1, 0] : [0, 1];
  const { tensor, dataType } = heldIn(emission, x, order);
  const weights =
    w.q.op === 'constant'
      ? constantIn(emission, w, weightOrder, offsetOf(isConv, { x, w }) ?? 0)
      : { ...heldIn(emission, w, weightOrder), zeros: w.zeros };
  const points = (zeros: readonly number[], of: number) =>
    zeros.length === 1
      ? emission.scalar(zeros[0]!, integerPayload(zeros, of), of)
      : emission.shared('zeros', of, [zeros.length], integerPayload(zeros, of));
  const inputs = [
    ...[tensor, weights.tensor],
    ...[points(x.zeros, dataType), points(weights.zeros, weights.dataType)],
  ];
  const options = {
    ...(isConv && { attributes: convolutionAttributes(value.attrs) }),
    suffix: isFloat ? '.sums' : '',
  };
  const sums = emission.node(isConv ? 'ConvInteger' : 'MatMulInteger', inputs, value, options);
  const type = isFloat ? DataType.FLOAT : DataType.INT32;
  emission.hold(value, emission.cast(sums, DataType.INT32, type, value), order, type);
}

interface Written {
  readonly tensor: string;
  readonly dataType: number;
}

function heldIn(emission: Emission, { q, base }: Operand, order: Order): Written {
  return {
    tensor: emission.inOrder(q, toBase(order, base)),
    dataType: emission.dataTypeOf(q),
  };
}

/** Weights in 8 bits each, raised to UINT8 by an offset. */
function constantIn(
  emission: Emission,
  { q, base, zeros }: Operand,
  order: Order,
  offset: number,
): Written & { readonly zeros: readonly number[] } {
  const wanted = toBase(order, base);
  const data = q.data as Tensor;
  const dataType = offset > 0 || q.dtype.startsWith('u') ? DataType.UINT8 : DataType.INT8;
  const tensor = emission.once(`${emission.numberOf(q)} ${wanted} plus ${offset}`, () =>
    emission.tensor(q.name, reordered(offset > 0 ? raised(data, offset) : data, wanted), dataType),
  );
  return { tensor, dataType, zeros: zeros.map((zero) => zero + offset) };
}

/**
 * What scale and zero point mean, as elementary ops in the order of the ONNX specification:
 *
 *   value   = (q - zero) * scale
 *   integer = cast(clip(round(value / scale) + zero))
 *
 * Each is one float32 operation; `round` goes half to even. A scale of 1 and a zero point of 0
 * leave no op behind. NaN becomes the integer 0, as `cast` says. Not here: the nodes that have
 * scales (./ops/qdq.ts, ./ops/qlinear.ts, ./ops/microsoft.ts), the quantizers of QONNX
 * (./ops/quant.ts).
 */
import { byteLength, type Integer } from '../../core/dtype.js';
import { isSize, type Shape, showShape } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import { canEvaluate, evaluate, workOf } from '../../passes/evaluate.js';
import { Tensor } from '../../tensor/tensor.js';
import { tensorOf } from '../../tensor/values.js';
import type { NodeContext } from './context.js';
import { DataType, dataTypeName, type QuantizedType, quantizedType } from './data-type.js';

export interface Quantization {
  /** f32, one number or one for each of some axis. */
  readonly scale: Value;
  /** f32 of the scale's shape; undefined for 0. */
  readonly zero: Value | undefined;
}

/** Along which axis scales differ, and for how many elements of the axis each one holds. */
export interface Grain {
  readonly axis: number;
  /** 0: one scale an element of the axis. */
  readonly block: number;
}

export function isAll(value: Value, number: number): boolean {
  const data = constantFloats(value);
  return data !== undefined && data.length > 0 && data.every((element) => element === number);
}

function constantFloats(value: Value): Float32Array | undefined {
  return value.op === 'constant' && value.data?.dtype === 'f32'
    ? (value.data as Tensor<'f32'>).data
    : undefined;
}

/** Work on a node of a constant expression that is looked at, and nodes in a row, at most. */
const MOST_KNOWN = { work: 2 ** 12, deep: 4 };

/** The numbers of a constant, or of what a few ops make of constants; undefined for others. */
export function knownFloats(value: Value, deep = 0): Float32Array | undefined {
  const tensor = knownTensor(value, deep);
  return tensor?.dtype === 'f32' ? (tensor as Tensor<'f32'>).data : undefined;
}

function knownTensor(value: Value, deep: number): Tensor | undefined {
  if (value.op === 'constant') return value.data as Tensor;
  const { op, inputs, attrs, dtype, shape } = value;
  if (inputs.length === 0 || deep === MOST_KNOWN.deep || !canEvaluate(op)) return undefined;
  if (!shape.every(isSize) || workOf(value) > MOST_KNOWN.work) return undefined;
  const tensors = inputs.map((input) => knownTensor(input, deep + 1));
  if (tensors.some((tensor) => tensor === undefined)) return undefined;
  return evaluate(op, tensors as Tensor[], attrs, { dtype, shape });
}

/** Input `index` as scales. @throws BitplaneError ERR_UNSUPPORTED, ERR_DTYPE */
export function scaleAt(context: NodeContext, index: number): Value {
  const scale = context.value(index);
  if (scale.dtype !== 'f32')
    throw context.expected('ERR_DTYPE', `input ${index}, a scale, to be float`, scale.dtype);
  requireScale(context, scale);
  return scale;
}

/** Input `index` as scales, which QONNX may store as integers. @throws BitplaneError */
export function realScaleAt(context: NodeContext, index: number): Value {
  const scale = context.real(index);
  requireScale(context, scale);
  return scale;
}

/** Scales that are known at import are numbers above 0; those of a run are not checked. */
function requireScale(context: NodeContext, scale: Value): void {
  const wrong = knownFloats(scale)?.find((number) => !(number > 0 && number < Infinity));
  if (wrong !== undefined)
    throw context.expected('ERR_UNSUPPORTED', 'scales that are finite and above 0', wrong);
}

export interface ZeroPoint {
  /** f32; undefined where it is absent or 0. */
  readonly value: Value | undefined;
  readonly dataType: number | undefined;
  /** What a run computes it from. */
  readonly integers?: Value<Integer>;
}

/** A zero point as floats. */
export function zeroAt(context: NodeContext, index: number): ZeroPoint {
  if (!context.has(index)) return { value: undefined, dataType: undefined };
  const { value: integers, dataType } = context.quantized(index);
  const data = integers.data?.data;
  if (integers.op !== 'constant' || data === undefined) {
    const value = context.make('cast', [integers], { to: 'f32' }, '/zero_point');
    return { value, dataType, integers };
  }
  if (data.every((element) => element === 0)) return { value: undefined, dataType };
  return {
    value: context.constant(Float32Array.from(data), integers.data?.shape ?? [], '/zero_point'),
    dataType,
  };
}

/** Scale and zero point of quantized inputs, which stand side by side. */
export function quantizationAt(context: NodeContext, scale: number, zero: number): Quantization {
  return { scale: scaleAt(context, scale), zero: zeroAt(context, zero).value };
}

/** The data type of a result: that of its zero point, UINT8 without one. */
export function resultType(
  context: NodeContext,
  dataType: number | undefined = DataType.UINT8,
): QuantizedType {
  const type = quantizedType(dataType);
  if (type === undefined || dataType === DataType.INT32)
    throw context.expected(
      'ERR_UNSUPPORTED',
      'a result of integers of 2, 4, 8 or 16 bits',
      dataTypeName(dataType),
    );
  return type;
}

/** Constants of -1 and +1 alone, as bits; bitplane writes bits so. */
export function signsOf(context: NodeContext, q: Value): Value<'b1'> | undefined {
  const tensor = q.op === 'constant' && q.dtype === 'i8' ? (q.data as Tensor) : undefined;
  if (tensor === undefined || !tensor.data.every((one) => one === 1 || one === -1))
    return undefined;
  context.reserve(byteLength('b1', tensor.size));
  return context.made(tensorOf('b1', tensor.data, tensor.shape), '/bits') as Value<'b1'>;
}

/** q - zero, as floats. */
export function centered(context: NodeContext, q: Value, zero: Value | undefined, of = ''): Value {
  const values = q.dtype === 'f32' ? q : context.make('cast', [q], { to: 'f32' }, `${of}/values`);
  return zero === undefined ? values : context.make('sub', [values, zero], {}, `${of}/centered`);
}

export function dequantized(
  context: NodeContext,
  q: Value,
  { scale, zero }: Quantization,
  of = '',
): Value {
  const y = centered(context, q, zero, of);
  return isAll(scale, 1) ? y : context.make('mul', [y, scale], {}, of);
}

export function quantized(
  context: NodeContext,
  x: Value,
  { scale, zero }: Quantization,
  type: QuantizedType,
): Value<Integer> {
  const divided = isAll(scale, 1) ? x : context.make('div', [x, scale], {}, '/divided');
  return saturated(context, divided, zero, type);
}

/** cast(clip(round(x) + zero)) */
export function saturated(
  context: NodeContext,
  x: Value,
  zero: Value | undefined,
  { dtype, lo, hi }: QuantizedType,
): Value<Integer> {
  let y = context.make('round', [x], {}, '/rounded');
  if (zero !== undefined) y = context.make('add', [y, zero], {}, '/shifted');
  y = context.make('clip', [y], { min: lo, max: hi }, '/clipped');
  return context.make('cast', [y], { to: dtype }) as Value<Integer>;
}

/**
 * Runs `body` on x beside a quantization that broadcasts to it. In blocks, x gains an axis within
 * each block, which the result loses again; where the last block is cut short, scales are repeated
 * instead.
 */
export function grained(
  context: NodeContext,
  x: Value,
  { scale, zero }: Quantization,
  grain: Grain,
  body: (x: Value, quantization: Quantization) => Value,
): Value {
  const { block } = grain;
  const parts = (spread: (operand: Value) => Value) => ({
    scale: spread(scale),
    zero: zero === undefined ? undefined : spread(zero),
  });
  if (zero !== undefined && !sameGrain(scale.shape, zero.shape))
    throw context.expected(
      'ERR_SHAPE',
      `a zero point of the scale's shape ${showShape(scale.shape)}`,
      showShape(zero.shape),
    );
  if (block === 0)
    return body(
      x,
      parts((operand) => along(context, operand, x.shape, grain.axis)),
    );

  const axis = context.axis(grain.axis, x.shape.length);
  const size = x.shape[axis];
  if (!isSize(size))
    throw context.expected('ERR_UNSUPPORTED', 'blocks along an axis of known size', String(size));
  const count = Math.ceil(size / block);
  const wanted = x.shape.map((dim, i) => (i === axis ? count : dim));
  if (scale.shape.length !== wanted.length || scale.shape.some((dim, i) => dim !== wanted[i]))
    throw context.expected(
      'ERR_SHAPE',
      `a scale of shape ${showShape(wanted)}, one a block`,
      showShape(scale.shape),
    );
  // One block is the whole axis: it broadcasts.
  if (count === 1) return body(x, { scale, zero });
  if (size % block !== 0)
    return body(
      x,
      parts((operand) => repeated(context, operand, axis, block, size)),
    );
  const turned = axis === 0 ? [x, scale, zero].map((one) => one && columns(context, one)) : [];
  const [left, leftScale, leftZero] = turned;
  // Blocks of rows: of weights, blocks lie in their rows, so that layers find them.
  if (left !== undefined && leftScale !== undefined && (zero === undefined) === !leftZero) {
    const inRows = { scale: leftScale, zero: leftZero };
    const y = grained(context, left, inRows, { axis: 1, block }, body);
    return context.make('transpose', [y], { perm: [1, 0] }, '/rows');
  }
  const split = (shape: Shape, within: number) => [
    ...shape.slice(0, axis),
    count,
    within,
    ...shape.slice(axis + 1),
  ];
  const blocks = regrouped(context, x, split(x.shape, block));
  const y = body(
    blocks,
    parts((operand) => reshaped(context, operand, split(x.shape, 1) as number[])),
  );
  return context.make('reshape', [y], { shape: x.shape }, '/joined');
}

/** A constant matrix with rows for columns. */
function columns(context: NodeContext, value: Value): Value | undefined {
  if (value.op !== 'constant' || value.shape.length !== 2) return undefined;
  const { dtype, shape } = value;
  const tensor = value.data as Tensor;
  context.reserve(byteLength(dtype, tensor.size));
  const result = { dtype, shape: [...shape].reverse() };
  return context.made(evaluate('transpose', [tensor], { perm: [1, 0] }, result), '/columns');
}

/** x in another shape; constants stay such, as onnxruntime has no Reshape of 4-bit integers. */
function regrouped(context: NodeContext, x: Value, shape: Shape): Value {
  if (x.op !== 'constant') return context.make('reshape', [x], { shape }, '/blocks');
  const { dtype, data } = x.data as Tensor;
  return context.made(new Tensor(dtype, data, shape as readonly number[]), '/blocks');
}

/** One number, or one for each element of an axis, as it broadcasts to `shape`. */
export function along(context: NodeContext, operand: Value, shape: Shape, axis: number): Value {
  if (operand.shape.every((dim) => dim === 1)) return reshaped(context, operand, []);
  const at = context.axis(axis, shape.length);
  if (operand.shape.length !== 1 || operand.shape[0] !== shape[at])
    throw context.expected(
      'ERR_SHAPE',
      `a scale and zero point of one number, or of shape [${shape[at]}] along axis ${at}`,
      showShape(operand.shape),
    );
  return reshaped(
    context,
    operand,
    shape.map((dim, i) => (i === at ? (dim as number) : 1)),
  );
}

function sameGrain(a: Shape, b: Shape): boolean {
  const isOne = (shape: Shape) => shape.every((dim) => dim === 1);
  return (isOne(a) && isOne(b)) || (a.length === b.length && a.every((dim, i) => dim === b[i]));
}

/** A constant stays one. */
function reshaped(context: NodeContext, operand: Value, shape: readonly number[]): Value {
  if (operand.shape.length === shape.length && operand.shape.every((dim, i) => dim === shape[i]))
    return operand;
  const data = constantFloats(operand);
  return data === undefined
    ? context.make('reshape', [operand], { shape }, '/broadcast')
    : context.constant(data, shape, '/broadcast');
}

/** Each number `block` times along an axis, cut at `size`. */
function repeated(
  context: NodeContext,
  operand: Value,
  axis: number,
  block: number,
  size: number,
): Value {
  const data = constantFloats(operand);
  if (data === undefined)
    throw context.fail('ERR_UNSUPPORTED', 'expected constant scales where a block is cut short');
  const shape = operand.shape as readonly number[];
  const blocks = shape[axis] as number;
  const inner = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const whole = shape.map((dim, i) => (i === axis ? size : dim));
  const count = whole.reduce((product, dim) => product * dim, 1);
  const numbers = () => {
    const result = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const outer = Math.floor(i / (inner * size));
      const at = Math.floor((Math.floor(i / inner) % size) / block);
      result[i] = data[(outer * blocks + at) * inner + (i % inner)] as number;
    }
    return result;
  };
  return context.floats(count, numbers, whole);
}

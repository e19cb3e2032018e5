/**
 * Ops that move elements, and reductions. Each works with its axes in the order in which its
 * operand is held, except a reshape. Not here: transpose, which is an order of axes (../order.ts).
 */
import { type Dim, isSize, type Shape } from '../../../../core/shape.js';
import type { Value } from '../../../../graph/value.js';
import { isOp, type OpValue } from '../../../../ops/index.js';
import { Tensor } from '../../../../tensor/tensor.js';
import { DataType } from '../../data-type.js';
import { type Emission, QONNX_DOMAIN } from '../emission.js';
import { type Order, plainOrder } from '../order.js';
import { computedType, integerPayload } from '../payload.js';
import { orderOfOperands } from './elementwise.js';
import type { Writer } from './writer.js';

/** Slice: to the end of an axis of unknown size. */
const END = 2n ** 63n - 1n;

const REDUCTIONS = {
  mean: 'ReduceMean',
  sum: 'ReduceSum',
  product: 'ReduceProd',
  max: 'ReduceMax',
  min: 'ReduceMin',
} as const;

export const moveWriters: Readonly<Record<string, Writer>> = {
  reshape(emission, value) {
    const [x] = value.inputs as [Value];
    const held = emission.orderOf(x);
    const order = held && keepsElements(held, x.shape) ? held : plainOrder(x.shape.length);
    const from = order.map((axis) => x.shape[axis] as Dim);
    const shape = emission.integers(newShape(emission, value, from));
    const y = emission.node('Reshape', [emission.inOrder(x, order), shape], value);
    emission.hold(value, y, plainOrder(value.shape.length), emission.dataTypeOf(x));
  },

  slice(emission, value) {
    if (!isOp(value, 'slice')) return;
    const [x] = value.inputs;
    const order = orderOfOperands(emission, value);
    const { starts, ends, steps } = value.attrs;
    const isCut = (axis: number) =>
      starts[axis] !== 0 || steps[axis] !== 1 || ends[axis] !== x.shape[axis];
    const axes = plainOrder(x.shape.length).filter(isCut);
    const pick = (list: readonly (number | string)[]) =>
      emission.integers(
        axes.map((axis) => (typeof list[axis] === 'number' ? (list[axis] as number) : END)),
      );
    const places = emission.integers(axes.map((axis) => order.indexOf(axis)));
    const inputs = [emission.inOrder(x, order), pick(starts), pick(ends), places, pick(steps)];
    emission.hold(value, emission.node('Slice', inputs, value), order, emission.dataTypeOf(x));
  },

  pad(emission, value) {
    if (!isOp(value, 'pad')) return;
    const [x] = value.inputs;
    const order = orderOfOperands(emission, value);
    const rank = order.length;
    const { pads, value: border } = value.attrs;
    const sides = [...order, ...order.map((axis) => axis + rank)].map((i) => pads[i] as number);
    const dataType = emission.dataTypeOf(x);
    const filling =
      dataType !== DataType.FLOAT
        ? emission.scalar(border, integerPayload([border], dataType), dataType)
        : emission.scalar(border);
    const inputs = [emission.inOrder(x, order), emission.integers(sides), filling];
    emission.hold(value, emission.node('Pad', inputs, value), order, dataType);
  },

  concat(emission, value) {
    if (!isOp(value, 'concat')) return;
    const order = orderOfOperands(emission, value);
    const types = value.inputs.map((x) => emission.dataTypeOf(x));
    const [first] = types as [number];
    const dataType = types.every((type) => type === first) ? first : computedType(value.dtype);
    const parts = value.inputs.map((x, i) =>
      emission.cast(emission.inOrder(x, order), types[i] as number, dataType, x),
    );
    const attributes = { axis: order.indexOf(value.attrs.axis) };
    emission.hold(value, emission.node('Concat', parts, value, { attributes }), order, dataType);
  },

  expand(emission, value) {
    const [x] = value.inputs as [Value];
    const skipped = value.shape.length - x.shape.length;
    const dims = value.shape.map((dim, i) => (x.shape[i - skipped] === dim ? 1 : dim));
    const parts = dims.map((dim) => emission.size(dim, value));
    const shape = dims.every((dim) => typeof dim === 'number')
      ? emission.integers(dims)
      : emission.node('Concat', parts, value, { attributes: { axis: 0 }, suffix: '.shape' });
    const y = emission.node('Expand', [emission.plain(x), shape], value);
    emission.hold(value, y, plainOrder(dims.length), emission.dataTypeOf(x));
  },

  reduce(emission, value) {
    if (!isOp(value, 'reduce')) return;
    const [x] = value.inputs;
    const { kind, axes, keepDims } = value.attrs;
    const order = emission.orderOf(x) ?? plainOrder(x.shape.length);
    const type = computedType(value.dtype);
    const places = axes.map((axis) => order.indexOf(axis)).sort((a, b) => a - b);
    const kept = plainOrder(order.length).filter((axis) => !axes.includes(axis));
    const left = order.filter((axis) => kept.includes(axis)).map((axis) => kept.indexOf(axis));
    const tensor = emission.cast(emission.inOrder(x, order), emission.dataTypeOf(x), type, x);
    const y = reduction(emission, value, tensor, REDUCTIONS[kind], places, keepDims, order.length);
    emission.hold(value, y, keepDims ? order : left, type);
  },

  cumsum(emission, value) {
    if (!isOp(value, 'cumsum')) return;
    const { axis, exclusive, reverse } = value.attrs;
    const order = orderOfOperands(emission, value);
    const [operand] = value.inputs as readonly [Value];
    const type = computedType(value.dtype);
    const held = emission.inOrder(operand, order);
    const x = emission.cast(held, emission.dataTypeOf(operand), type, operand);
    const attributes = { exclusive: Number(exclusive), reverse: Number(reverse) };
    const inputs = [x, emission.integers([order.indexOf(axis)])];
    emission.hold(value, emission.node('CumSum', inputs, value, { attributes }), order, type);
  },

  softmax: alongAxis('Softmax'),
  logSoftmax: alongAxis('LogSoftmax'),
  multiThreshold: writeMultiThreshold,
};

function alongAxis(op: 'Softmax' | 'LogSoftmax'): Writer {
  return (emission, value) => {
    const order = orderOfOperands(emission, value);
    const x = emission.float(value.inputs[0] as Value, order);
    const attributes = { axis: order.indexOf(value.attrs.axis as number) };
    emission.hold(value, emission.node(op, [x], value, { attributes }), order);
  };
}

/** Of a map whole, a global pooling. Axes are an input from version 13 (sums) and 18 (others). */
function reduction(
  emission: Emission,
  value: Value,
  x: string,
  op: (typeof REDUCTIONS)[keyof typeof REDUCTIONS],
  axes: readonly number[],
  keepDims: boolean,
  rank: number,
): string {
  const isGlobal = rank === 4 && keepDims && axes.length === 2 && axes[0] === 2 && axes[1] === 3;
  if (isGlobal && op === 'ReduceMean') return emission.node('GlobalAveragePool', [x], value);
  if (isGlobal && op === 'ReduceMax') return emission.node('GlobalMaxPool', [x], value);
  const keepdims = Number(keepDims);
  // Without axes ONNX would reduce all of them.
  if (axes.length === 0) return emission.node('Identity', [x], value);
  if (op !== 'ReduceSum' && emission.opset < 18)
    return emission.node(op, [x], value, { attributes: { axes, keepdims } });
  return emission.node(op, [x, emission.integers(axes)], value, { attributes: { keepdims } });
}

/** True where only axes of size 1 stand elsewhere. */
function keepsElements(order: Order, shape: Shape): boolean {
  const wide = order.filter((axis) => shape[axis] !== 1);
  return wide.every((axis, i) => i === 0 || (wide[i - 1] as number) < axis);
}

/** At most one size may be left to be computed; a 0 copies the size of x at the same place. */
function newShape(emission: Emission, value: Value, from: Shape): number[] {
  let open = value.shape.filter((dim) => !isSize(dim)).length;
  return value.shape.map((dim, i) => {
    if (dim === 0) {
      if (from[i] === 0) return 0;
      throw emission.fail(value, 'expected sizes above 0: a 0 copies a size in ONNX');
    }
    if (typeof dim === 'number') return dim;
    if (open > 1 && from[i] === dim) {
      open--;
      return 0;
    }
    if (open === 1) return -1;
    throw emission.fail(value, 'expected a shape with at most one unknown size that moves');
  });
}

/**
 * QONNX has it, with the channels on axis 1. In ONNX the thresholds that x has reached are counted,
 * on an axis of their own; a single axis, which QONNX cannot have, likewise.
 */
function writeMultiThreshold(emission: Emission, value: Value): void {
  if (!isOp(value, 'multiThreshold')) return;
  const rank = value.shape.length;
  if (emission.dialect !== 'qonnx' || rank < 2) {
    writeCount(emission, value);
    return;
  }
  const [x, thresholds] = value.inputs;
  const order: Order = [0, rank - 1, ...plainOrder(rank).slice(1, -1)];
  const layout = ['', '', 'NC', 'NCW', 'NCHW'][rank];
  const { scale, bias } = value.attrs;
  const y = emission.node(
    'MultiThreshold',
    [emission.float(x, order), inOrder(emission, value, thresholds)],
    value,
    {
      domain: QONNX_DOMAIN,
      attributes: {
        out_dtype: 'FLOAT32',
        out_scale: { float: scale },
        out_bias: { float: bias },
        ...(layout !== undefined && { data_layout: layout }),
      },
    },
  );
  emission.hold(value, y, order);
}

function writeCount(emission: Emission, value: OpValue<'multiThreshold'>): void {
  const [x, thresholds] = value.inputs;
  const rank = value.shape.length;
  const { scale, bias } = value.attrs;
  const last = emission.integers([rank]);
  const apart = emission.node('Unsqueeze', [emission.float(x), last], value, { suffix: '.apart' });
  const limits = emission.float(thresholds);
  const truth = emission.node('GreaterOrEqual', [apart, limits], value, { suffix: '.reached' });
  const ones = emission.cast(truth, DataType.BOOL, DataType.FLOAT, value);
  const attributes = { keepdims: 0 };
  const sum = emission.node('ReduceSum', [ones, last], value, { attributes, suffix: '.count' });
  const scaled = emission.node('Mul', [sum, emission.scalar(scale)], value, { suffix: '.scaled' });
  const y = emission.node('Add', [scaled, emission.scalar(bias)], value);
  emission.hold(value, y, plainOrder(rank));
}

/** Each channel's thresholds from the least on, as QONNX wants them: which is which counts not. */
function inOrder(emission: Emission, value: Value, thresholds: Value): string {
  if (thresholds.op !== 'constant') return emission.float(thresholds);
  const { data, shape } = thresholds.data as Tensor<'f32'>;
  if (data.some(Number.isNaN))
    throw emission.fail(value, 'expected thresholds that are numbers, as in QONNX');
  const count = shape[1] as number;
  const sorted = Float32Array.from(data);
  for (let from = 0; from < sorted.length; from += count)
    sorted.subarray(from, from + count).sort();
  return emission.tensor(thresholds.name, new Tensor('f32', sorted, shape));
}

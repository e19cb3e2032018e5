/**
 * Element-wise ops: each is one node of ONNX, with its axes in the order of its operands. Not here:
 * casts and signs (./cast.ts).
 */
import { isSize } from '../../../../core/shape.js';
import type { Value } from '../../../../graph/value.js';
import { isOp } from '../../../../ops/index.js';
import { DataType } from '../../data-type.js';
import type { Emission } from '../emission.js';
import { type Order, plainOrder } from '../order.js';
import type { Writer } from './writer.js';

export const elementwiseWriters: Readonly<Record<string, Writer>> = {
  add: binary('Add'),
  sub: binary('Sub'),
  mul: binary('Mul'),
  div: binary('Div'),
  max: binary('Max'),
  min: binary('Min'),
  pow: binary('Pow'),
  remainder: binary('Mod', { fmod: 1 }),
  /** ONNX broadcasts the slope to x, and not x to the slope: x is expanded before. */
  prelu(emission, value) {
    const [x, slope] = value.inputs as [Value, Value];
    const { shape } = value;
    if (slope.shape.length <= x.shape.length && x.shape.every((dim, i) => dim === shape[i])) {
      binary('PRelu')(emission, value);
      return;
    }
    if (!shape.every(isSize))
      throw emission.fail(value, 'expected sizes that are numbers, or a slope no larger than x');
    const whole = emission.node('Expand', [emission.float(x), emission.integers(shape)], value, {
      suffix: '.expanded',
    });
    emission.hold(
      value,
      emission.node('PRelu', [whole, emission.float(slope)], value),
      plainOrder(shape.length),
    );
  },
  /** Comparisons with bounds that are infinite are left out, but one, for NaN. */
  gate(emission, value) {
    if (!isOp(value, 'gate')) return;
    const order = orderOfOperands(emission, value);
    const [flow, x] = value.inputs.map((one) =>
      emission.broadcast(one, value.shape.length, order),
    ) as [string, string];
    const { min, max } = value.attrs;
    const compare = (op: string, bound: number) =>
      emission.node(op, [x, emission.scalar(bound)], value, { suffix: '.within' });
    const tests = [
      ...(min === -Infinity && max !== Infinity ? [] : [compare('GreaterOrEqual', min)]),
      ...(max === Infinity ? [] : [compare('LessOrEqual', max)]),
    ];
    const open =
      tests.length === 1
        ? (tests[0] as string)
        : emission.node('And', tests, value, { suffix: '.open' });
    emission.hold(value, emission.node('Where', [open, flow, emission.scalar(0)], value), order);
  },

  relu: unary('Relu'),
  tanh: unary('Tanh'),
  sigmoid: unary('Sigmoid'),
  abs: unary('Abs'),
  neg: unary('Neg'),
  sqrt: unary('Sqrt'),
  exp: unary('Exp'),
  log: unary('Log'),
  erf: unary('Erf'),
  floor: unary('Floor'),
  ceil: unary('Ceil'),
  round: unary('Round'),
  signum: unary('Sign'),
  sin: unary('Sin'),
  cos: unary('Cos'),
  tan: unary('Tan'),
  asin: unary('Asin'),
  acos: unary('Acos'),
  atan: unary('Atan'),
  sinh: unary('Sinh'),
  cosh: unary('Cosh'),
  asinh: unary('Asinh'),
  acosh: unary('Acosh'),
  atanh: unary('Atanh'),
  leakyRelu(emission, value) {
    if (!isOp(value, 'leakyRelu')) return;
    const order = orderOfOperands(emission, value);
    const x = emission.float(value.inputs[0], order);
    const attributes = { alpha: { float: value.attrs.alpha } };
    emission.hold(value, emission.node('LeakyRelu', [x], value, { attributes }), order);
  },
  clip(emission, value) {
    if (!isOp(value, 'clip')) return;
    const order = orderOfOperands(emission, value);
    const x = emission.float(value.inputs[0], order);
    emission.hold(
      value,
      emission.node('Clip', [x, ...bounds(emission, value.attrs)], value),
      order,
    );
  },
};

/** The bounds of Clip; one that is infinite is left out. */
function bounds(
  emission: Emission,
  { min, max }: { readonly min: number; readonly max: number },
): string[] {
  const least = min === -Infinity ? '' : emission.scalar(min);
  return max === Infinity ? (least === '' ? [] : [least]) : [least, emission.scalar(max)];
}

function unary(op: string): Writer {
  return (emission, value) => {
    const order = orderOfOperands(emission, value);
    const x = emission.float(value.inputs[0] as Value, order);
    emission.hold(value, emission.node(op, [x], value), order, DataType.FLOAT);
  };
}

function binary(op: string, attributes: Readonly<Record<string, number>> = {}): Writer {
  return (emission, value) => {
    const order = orderOfOperands(emission, value);
    const operands = value.inputs.map((x) => emission.broadcast(x, value.shape.length, order));
    emission.hold(value, emission.node(op, operands, value, { attributes }), order, DataType.FLOAT);
  };
}

/** That of the first operand of full rank that is no constant. */
export function orderOfOperands(emission: Emission, value: Value): Order {
  const rank = value.shape.length;
  for (const x of value.inputs) {
    const order = x.shape.length === rank ? emission.orderOf(x) : undefined;
    if (order !== undefined) return order;
  }
  return plainOrder(rank);
}

/**
 * Element-wise ops of two operands, which differ by one formula each: one row an op. Both operands
 * are f32 and broadcast as in numpy. Not here: what shares a pass with them (the epilogue,
 * native/kernels/epilogue).
 */
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { type Emit, LEAST_POSITIVE } from './gradient.js';
import type { Float, Named, NodeMaker, OpDef, Operand, StepForm } from './op.js';
import { operand } from './operands.js';
import { isNumber, scalarOf } from './scalar-of.js';
import { maximum, minimum } from './select.js';
import { broadcast } from './shapes.js';
import { type RangeOf, reciprocal, scaled, sum, type ValueRange } from './value-range.js';

type NoAttrs = Readonly<Record<never, unknown>>;
type Range = (a: Value, b: Value, rangeOf: RangeOf) => ValueRange | undefined;

interface Row {
  readonly operands?: readonly [string, string];
  readonly formula: (a: number, b: number) => number;
  readonly approximate?: true;
  readonly step?: StepForm;
  /** As OpDef.monotone. */
  readonly monotone: (moving: number, others?: Float32Array) => boolean;
  /** The number that changes nothing on the right, and on either side of ops that commute. */
  readonly neutral?: number;
  readonly commutes?: true;
  readonly range?: Range;
  /** The gradients with respect to a and b, before what was stretched is summed. */
  readonly gradient: (upstream: Float, a: Float, b: Float, y: Float, e: Emit) => [Float, Float];
}

function binary(name: string, row: Row) {
  const operands = row.operands ?? (['a', 'b'] as const);
  const { neutral, range } = row;
  return {
    name,
    operands: operands as readonly [string, string],
    attributes: {},
    infer(draft) {
      const a = operand(draft, operands[0], 'f32');
      const b = operand(draft, operands[1], 'f32');
      return { dtype: 'f32', shape: broadcast(draft, a.shape, b.shape) };
    },
    method:
      (maker: NodeMaker<NoAttrs>) =>
      (a: Operand, b: Operand, options?: Named): Float =>
        maker.node([maker.operand(a), maker.operand(b)], {}, options) as Float,
    scalar: () => row.formula,
    ...(row.approximate && { approximate: row.approximate }),
    monotone: (_, moving: number, others?: Float32Array) => row.monotone(moving, others),
    ...(range && {
      range: ({ inputs: [a, b] }: Value, rangeOf: RangeOf) => range(a!, b!, rangeOf),
    }),
    identity(node: Value) {
      if (neutral === undefined) return undefined;
      const [a, b] = node.inputs as [Value, Value];
      if (sameShape(a.shape, node.shape) && isNumber(b, neutral)) return a;
      return row.commutes && isNumber(a, neutral) && sameShape(b.shape, node.shape) ? b : undefined;
    },
    gradient(y: Value, upstream: Float, e: Emit) {
      const [a, b] = y.inputs as [Float, Float];
      const [da, db] = row.gradient(upstream, a, b, y as Float, e);
      return [e.sumTo(da, a.shape), e.sumTo(db, b.shape)];
    },
    step: () => row.step,
  } satisfies OpDef<NoAttrs>;
}

const f = Math.fround;
const always = () => true;

// A single operation on two float32 values, computed in double and rounded once, is the float32
// operation: double has more than twice the bits.
export const add = binary('add', {
  formula: (a, b) => f(a + b),
  step: { op: 'add', reversed: 'add' },
  monotone: always,
  // 0 would turn -0 into 0.
  neutral: -0,
  commutes: true,
  range: (a, b, rangeOf) => sum(rangeOf(a), rangeOf(b)),
  gradient: (upstream) => [upstream, upstream],
});
export const sub = binary('sub', {
  formula: (a, b) => f(a - b),
  step: { op: 'sub', reversed: 'rsub' },
  monotone: always,
  neutral: 0,
  range: (a, b, rangeOf) => sum(rangeOf(a), scaled(rangeOf(b), -1)),
  gradient: (upstream, _a, _b, _y, e) => [upstream, e.neg(upstream)],
});
export const mul = binary('mul', {
  formula: (a, b) => f(a * b),
  step: { op: 'mul', reversed: 'mul' },
  monotone: always,
  neutral: 1,
  commutes: true,
  range: (a, b, rangeOf) => scaled(rangeOf(a), scalarOf(b)) ?? scaled(rangeOf(b), scalarOf(a)),
  gradient: (upstream, a, b, _y, e) => [e.mul(upstream, b), e.mul(upstream, a)],
});
export const div = binary('div', {
  formula: (a, b) => f(a / b),
  step: { op: 'div', reversed: 'rdiv' },
  // A divisor that passes 0 makes the result jump from one end to the other, and 0 / 0 is NaN.
  monotone: (moving, others) => moving === 0 && others?.includes(0) !== true,
  neutral: 1,
  range: (a, b, rangeOf) => scaled(rangeOf(a), reciprocal(scalarOf(b))),
  gradient: (upstream, _a, b, y, e) => [e.div(upstream, b), e.neg(e.div(e.mul(upstream, y), b))],
});
// Selections do not commute: the sign of zero follows the operand that is kept.
// Of equal operands the first one is kept, and takes the gradient.
export const max = binary('max', {
  formula: maximum,
  step: { op: 'max' },
  monotone: always,
  gradient: (upstream, a, b, _y, e) => selected(upstream, e.sub(a, b), e),
});
export const min = binary('min', {
  formula: minimum,
  step: { op: 'min' },
  monotone: always,
  gradient: (upstream, a, b, _y, e) => selected(upstream, e.sub(b, a), e),
});
/** C's pow computes it, which is exact to the last place only. */
export const pow = binary('pow', {
  formula: (a, b) => f(a ** b),
  approximate: true,
  monotone: () => false,
  neutral: 1,
  gradient: (upstream, a, b, y, e) => [
    e.mul(upstream, e.mul(b, e.op('pow', [a, e.sub(b, 1)]))),
    e.mul(upstream, e.mul(y, e.safeLog(a))),
  ],
});
/** C's fmod, which is exact. */
export const remainder = binary('remainder', {
  formula: (a, b) => a % b,
  monotone: () => false,
  // a - trunc(a / b) * b
  gradient: (upstream, a, b, y, e) => [
    upstream,
    e.neg(e.mul(upstream, e.op('round', [e.div(e.sub(a, y), b)]))),
  ],
});
export const prelu = binary('prelu', {
  operands: ['x', 'slope'],
  formula: (x, slope) => (x < 0 ? f(x * slope) : x),
  step: { op: 'prelu' },
  // With a slope below zero it has a valley at 0.
  monotone: (moving, slopes) => moving === 0 && slopes !== undefined && isNonNegative(slopes),
  // At 0 the slope of the left side holds, as in PyTorch.
  gradient: (upstream, x, slope, _y, e) => [
    e.mul(e.add(e.gate(e.sub(1, slope), x, LEAST_POSITIVE, Infinity), slope), upstream),
    e.mul(e.op('clip', [x], { min: -Infinity, max: 0 }), upstream),
  ],
});

/** The gradient where `lead` is at least 0, and where it is not. */
function selected(upstream: Float, lead: Float, e: Emit): [Float, Float] {
  return [e.gate(upstream, lead, 0, Infinity), e.gate(upstream, lead, -Infinity, -LEAST_POSITIVE)];
}

const nonNegative = new WeakMap<Float32Array, boolean>();

/** Remembered: many nodes may share a slope. */
function isNonNegative(values: Float32Array): boolean {
  let found = nonNegative.get(values);
  if (found === undefined) {
    found = values.every((value) => value >= 0);
    nonNegative.set(values, found);
  }
  return found;
}

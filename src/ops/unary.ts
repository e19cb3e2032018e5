/**
 * Element-wise functions of one f32 operand, which differ by one formula each: one row an op. Not
 * here: leakyRelu and clip, which have attributes.
 */
import type { Value } from '../graph/value.js';
import { errorFunction } from './error-function.js';
import { type Facts, floatFunction } from './float-function.js';
import { LEAST_POSITIVE } from './gradient.js';
import type { OpDef } from './op.js';
import { larger } from './select.js';
import { clipped, INTEGERS, scaled, TERNARY, type ValueRange } from './value-range.js';

/** One of these is a step of the native epilogue, under its own name. */
function unary(name: string, formula: (x: number) => number, facts?: Facts) {
  return { ...floatFunction(name, formula, facts), step: () => ({ op: name }) } satisfies OpDef;
}

const f = Math.fround;
const FLAT = 'it is constant almost everywhere; surrogate() says what stands for its gradient';

// Selection, as the kernels do it: NaN passes through.
export const relu = unary('relu', (x) => larger(x, 0), {
  monotone: true,
  idempotent: true,
  range: (x, rangeOf) => clipped(rangeOf(x), 0, Infinity),
  // Of the result, not of x: x need not be kept for it.
  gradient: (upstream, _x, y, e) => e.gate(upstream, y, LEAST_POSITIVE, Infinity),
});
// The kernels compute these five by float32 polynomials.
export const tanh = unary('tanh', (x) => f(Math.tanh(x)), {
  approximate: true,
  gradient: (upstream, _x, y, e) => e.mul(upstream, e.sub(1, e.mul(y, y))),
});
export const sigmoid = unary('sigmoid', (x) => f(1 / (1 + Math.exp(-x))), {
  approximate: true,
  gradient: (upstream, _x, y, e) => e.mul(upstream, e.mul(y, e.sub(1, y))),
});
export const exp = unary('exp', (x) => f(Math.exp(x)), {
  approximate: true,
  gradient: (upstream, _x, y, e) => e.mul(upstream, y),
});
export const log = unary('log', (x) => f(Math.log(x)), {
  approximate: true,
  gradient: (upstream, x, _y, e) => e.div(upstream, x),
});
export const erf = unary('erf', (x) => f(errorFunction(x)), {
  approximate: true,
  // 2 / sqrt(pi) * e^(-x^2)
  gradient: (upstream, x, _y, e) =>
    e.mul(upstream, e.mul(2 / Math.sqrt(Math.PI), e.op('exp', [e.neg(e.mul(x, x))]))),
});
export const abs = unary('abs', Math.abs, {
  gradient: (upstream, x, _y, e) => e.mul(upstream, e.op('signum', [x])),
});
export const neg = unary('neg', (x) => -x, {
  monotone: true,
  range: (x, rangeOf) => scaled(rangeOf(x), -1),
  gradient: (upstream, _x, _y, e) => e.neg(upstream),
});
// NaN below zero: not monotone.
export const sqrt = unary('sqrt', (x) => f(Math.sqrt(x)), {
  gradient: (upstream, _x, y, e) => e.div(upstream, e.mul(y, 2)),
});
export const floor = rounding('floor', Math.floor);
export const ceil = rounding('ceil', Math.ceil);
export const round = rounding('round', halfToEven);
/** -1, 0 or 1 (ONNX Sign); 0 keeps its sign and NaN stays NaN. The binarization is `sign`. */
export const signum = unary('signum', Math.sign, {
  monotone: true,
  idempotent: true,
  range: () => TERNARY,
  noGradient: FLAT,
});

/** Any x becomes an integer; one between finite bounds becomes one of finitely many. */
function rounding(name: string, formula: (x: number) => number) {
  const range = (x: Value): ValueRange => {
    if (x.op !== 'clip') return INTEGERS;
    const { min, max } = x.attrs as { min: number; max: number };
    if (min > max) return INTEGERS;
    return { ...INTEGERS, lo: formula(f(min)), hi: formula(f(max)) };
  };
  return unary(name, formula, { monotone: true, idempotent: true, range, noGradient: FLAT });
}

function halfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  // An odd lower neighbour goes up. From -0.5 that is 0, which IEEE gives the sign of x.
  const even = below % 2 === 0 ? below : below + 1;
  return even === 0 && x < 0 ? -0 : even;
}

/**
 * Element-wise functions of one f32 operand, which differ by one formula each: one row an op.
 * Not here: leakyRelu and clip, which have attributes.
 */
import type { OpDef } from './op.js';
import { operand } from './operands.js';
import { larger } from './select.js';

type NoAttrs = Readonly<Record<never, unknown>>;

/** Every one of them is a step of the native chain, under its own name. */
function unary(name: string, monotone: boolean, formula: (x: number) => number): OpDef<NoAttrs> {
  return {
    name,
    operands: ['x'],
    attributes: {},
    infer: (draft) => ({ dtype: 'f32', shape: operand(draft, 'x', 'f32').shape }),
    scalar: () => formula,
    chain: () => ({ op: name }),
    monotone: () => monotone,
  };
}

const f = Math.fround;

// Selection, as the kernels do it: NaN passes through.
export const relu = unary('relu', true, (x) => larger(x, 0));
// The kernels compute these four by float32 polynomials, which may differ from the formulas here in
// the last place. They are monotone as functions but say that they are not, so that no threshold is
// ever derived from a formula that is not the kernel's.
export const tanh = unary('tanh', false, (x) => f(Math.tanh(x)));
export const sigmoid = unary('sigmoid', false, (x) => f(1 / (1 + Math.exp(-x))));
export const exp = unary('exp', false, (x) => f(Math.exp(x)));
export const log = unary('log', false, (x) => f(Math.log(x)));
export const abs = unary('abs', false, Math.abs);
export const neg = unary('neg', false, (x) => -x);
// NaN below zero: not monotone.
export const sqrt = unary('sqrt', false, (x) => f(Math.sqrt(x)));
export const floor = unary('floor', true, Math.floor);
export const ceil = unary('ceil', true, Math.ceil);
export const round = unary('round', true, halfToEven);
/** -1, 0 or 1 (ONNX Sign); 0 keeps its sign and NaN stays NaN. The binarization is `sign`. */
export const signum = unary('signum', true, Math.sign);

function halfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  // An odd lower neighbour goes up. From -0.5 that is 0, which IEEE gives the sign of x.
  const even = below % 2 === 0 ? below : below + 1;
  return even === 0 && x < 0 ? -0 : even;
}

/**
 * Functions of one f32 operand that C's library computes, in double, rounded once: one row an op.
 * Each is a pass of its own. Not here: functions that an epilogue has (./unary.ts).
 */
import { floatFunction } from './float-function.js';
import type { Emit } from './gradient.js';
import type { Float } from './op.js';

/** Their order is that of kFunctions in native/kernels/functions/functions.cc. */
const FUNCTIONS = [
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'asinh',
  'acosh',
  'atanh',
] as const;

/** The number of a function in the instruction `functions`; -1 for other ops. */
export function functionNumber(op: string): number {
  return (FUNCTIONS as readonly string[]).indexOf(op);
}

/** @param slope the derivative at x, where the result is y */
function libraryFunction(
  name: (typeof FUNCTIONS)[number],
  slope: (x: Float, y: Float, e: Emit) => Float,
) {
  return floatFunction(name, (x) => Math.fround(Math[name](x)), {
    approximate: true,
    gradient: (upstream, x, y, e) => e.mul(upstream, slope(x, y, e)),
  });
}

const square = (x: Float, e: Emit) => e.mul(x, x);
const root = (x: Float, e: Emit) => e.op('sqrt', [x]);

export const sin = libraryFunction('sin', (x, _y, e) => e.op('cos', [x]));
export const cos = libraryFunction('cos', (x, _y, e) => e.neg(e.op('sin', [x])));
export const tan = libraryFunction('tan', (_x, y, e) => e.add(square(y, e), 1));
export const asin = libraryFunction('asin', (x, _y, e) =>
  e.div(1, root(e.sub(1, square(x, e)), e)),
);
export const acos = libraryFunction('acos', (x, _y, e) =>
  e.div(-1, root(e.sub(1, square(x, e)), e)),
);
export const atan = libraryFunction('atan', (x, _y, e) => e.div(1, e.add(square(x, e), 1)));
export const sinh = libraryFunction('sinh', (x, _y, e) => e.op('cosh', [x]));
export const cosh = libraryFunction('cosh', (x, _y, e) => e.op('sinh', [x]));
export const asinh = libraryFunction('asinh', (x, _y, e) =>
  e.div(1, root(e.add(square(x, e), 1), e)),
);
export const acosh = libraryFunction('acosh', (x, _y, e) =>
  e.div(1, root(e.sub(square(x, e), 1), e)),
);
export const atanh = libraryFunction('atanh', (x, _y, e) => e.div(1, e.sub(1, square(x, e))));

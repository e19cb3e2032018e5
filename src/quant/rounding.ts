/**
 * The rules by which a number between two codes becomes one of them, as a function of a float32
 * and as ops that compute the same. Not here: bounds, scales.
 */
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';

interface RoundingRule {
  /** x is a float32; the result too. */
  readonly of: (x: number) => number;
  readonly emit: (g: GraphBuilder, name: string, x: Value<'f32'>) => Value<'f32'>;
}

const f = Math.fround;

/** Half to even, as IEEE 754 and the op `round`. */
export function halfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/** sign(x) * rule(|x|): a rule for magnitudes as one for all numbers. */
const onMagnitude = (rule: (x: number) => number) => (x: number) =>
  Math.sign(x) * rule(Math.abs(x));

function emitOnMagnitude(
  g: GraphBuilder,
  name: string,
  x: Value<'f32'>,
  rule: (magnitude: Value<'f32'>) => Value<'f32'>,
): Value<'f32'> {
  const magnitude = rule(g.abs(x, { name: `${name}.magnitude` }));
  return g.mul(g.signum(x, { name: `${name}.sign` }), magnitude, { name });
}

/**
 * `halfEven`, `halfUp` (toward +infinity) and `halfAway` (from zero) differ only where a number is
 * half way between two codes. In `halfUp` and `halfAway` the sum x + 0.5 is rounded to a float32,
 * as the ops compute it: the largest number below 0.5 gives 1.
 */
export const ROUNDINGS = {
  halfEven: {
    of: halfEven,
    emit: (g, name, x) => g.round(x, { name }),
  },
  halfUp: {
    of: (x) => Math.floor(f(x + 0.5)),
    emit: (g, name, x) => g.floor(g.add(x, 0.5, { name: `${name}.half` }), { name }),
  },
  halfAway: {
    of: onMagnitude((x) => Math.floor(f(x + 0.5))),
    emit: (g, name, x) =>
      emitOnMagnitude(g, name, x, (magnitude) =>
        g.floor(g.add(magnitude, 0.5, { name: `${name}.half` }), { name: `${name}.whole` }),
      ),
  },
  floor: {
    of: Math.floor,
    emit: (g, name, x) => g.floor(x, { name }),
  },
  ceil: {
    of: Math.ceil,
    emit: (g, name, x) => g.ceil(x, { name }),
  },
  towardZero: {
    of: Math.trunc,
    emit: (g, name, x) =>
      emitOnMagnitude(g, name, x, (magnitude) => g.floor(magnitude, { name: `${name}.whole` })),
  },
} as const satisfies Readonly<Record<string, RoundingRule>>;

/** What a number between two codes becomes: the nearest code, or the one on a side of it. */
export type Rounding = keyof typeof ROUNDINGS;

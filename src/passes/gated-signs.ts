/**
 * Binarization as people write it: `where(x >= 0, 1, -1)`, `(x > 0).float() * 2 - 1` and the like.
 * All are a gate of a constant, scaled and shifted by numbers, that gives s and -s. With b = sign:
 *
 *   x >= t   s sign(x - t)          x > 0   -s sign(-x)
 *   x <= t   s sign(t - x)          x < 0   -s sign(x)
 *
 * x - t is below zero exactly where x < t, as float32 subtraction of unequal numbers never gives
 * zero; x > t is x >= the float above t. Only NaN differs: a sign takes it as +1.
 */
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import { scalarOf } from '../ops/scalar-of.js';
import { Tensor } from '../tensor/tensor.js';
import type { Rule } from './rewrite.js';

/** More steps than anybody writes. */
const MOST_STEPS = 4;
/** The smallest float above 0. */
const LEAST = 2 ** -149;

interface Gated {
  readonly x: Value;
  readonly min: number;
  readonly max: number;
  /** What comes out where x is in the range, and where not. */
  readonly inside: number;
  readonly outside: number;
}

export const gatedSign: Rule = (value) => {
  if (value.op !== 'add' && value.op !== 'sub') return undefined;
  const found = gated(value, MOST_STEPS);
  if (found === undefined || !sameShape(found.x.shape, value.shape)) return undefined;
  const { x, min, max, inside, outside } = found;
  if (outside !== -inside || !Number.isFinite(inside) || inside === 0) return undefined;
  const { name } = value;
  const difference = (a: Value | number, b: Value | number) =>
    make('sub', `${name}.difference`, [operand(name, a), operand(name, b)]);
  const signOf = (y: Value, factor: number) => {
    const signs = make('cast', `${name}.signs`, [make('sign', `${name}.bits`, [y])], { to: 'f32' });
    return make('mul', name, [signs, number(`${name}.size`, factor)]);
  };
  if (max === Infinity && min === LEAST)
    return signOf(make('neg', `${name}.negative`, [x]), -inside);
  if (max === Infinity && Number.isFinite(min))
    return signOf(min === 0 ? x : difference(x, min), inside);
  if (min === -Infinity && max === -LEAST) return signOf(x, -inside);
  if (min === -Infinity && Number.isFinite(max)) return signOf(difference(max, x), inside);
  return undefined;
};

function operand(name: string, value: Value | number): Value {
  return typeof value === 'number' ? number(`${name}.bound`, value) : value;
}

function number(name: string, value: number): Value {
  return constant(name, new Tensor('f32', Float32Array.of(value), []));
}

/** What gives two numbers: a gate of a number, and what is added to it or multiplied with it. */
function gated(value: Value, steps: number): Gated | undefined {
  if (isOp(value, 'gate')) {
    const [passed, x] = value.inputs;
    const inside = scalarOf(passed);
    const { min, max } = value.attrs;
    return inside === undefined ? undefined : { x, min, max, inside, outside: 0 };
  }
  if (steps === 0 || !(isOp(value, 'add') || isOp(value, 'sub') || isOp(value, 'mul')))
    return undefined;
  const [a, b] = value.inputs;
  const [left, right] = [scalarOf(a), scalarOf(b)];
  const inner = gated(right === undefined ? b : a, steps - 1);
  const other = right ?? left;
  if (inner === undefined || other === undefined) return undefined;
  const apply = (y: number) => {
    const [p, q] = right === undefined ? [other, y] : [y, other];
    return Math.fround(value.op === 'add' ? p + q : value.op === 'sub' ? p - q : p * q);
  };
  return { ...inner, inside: apply(inner.inside), outside: apply(inner.outside) };
}

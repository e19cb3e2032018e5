/**
 * Which numbers a value can hold, where they are known to lie on a grid: { origin + k * step }
 * within [lo, hi]. Binary accumulations, sums of quantised values and everything that keeps them on
 * a grid have one; a value of any real number has none. Every number of a finite progression is a
 * float32, and sums that make one are exact in every order of summation. NaN is left out: it is no
 * number of any grid. Not here: what is concluded from it (./nonzero.ts, ./thresholds.ts).
 */
import { elementCount } from '../core/shape.js';
import { eachUnknown, type Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import { scalarOf } from './constants.js';

export interface Progression {
  readonly origin: number;
  /** 0 where origin is the only member. */
  readonly step: number;
  /** The least and greatest member, or infinite. */
  readonly lo: number;
  readonly hi: number;
}

const BIPOLAR: Progression = { origin: -1, step: 2, lo: -1, hi: 1 };
const INTEGERS: Progression = { origin: 0, step: 1, lo: -Infinity, hi: Infinity };
const TERNARY: Progression = { origin: 0, step: 1, lo: -1, hi: 1 };

const known = new WeakMap<Value, Progression | null>();

/** A progression that holds every number the value can take (it may hold more), or undefined. */
export function progression(value: Value): Progression | undefined {
  // Inputs first, so that the recursion of derive ends at the first step.
  eachUnknown(
    value,
    (one) => known.has(one),
    (one) => known.set(one, exact(one.dtype === 'b1' ? BIPOLAR : derive(one)) ?? null),
  );
  return known.get(value) ?? undefined;
}

/** True where `number` is one of the members. */
export function contains({ origin, step, lo, hi }: Progression, number: number): boolean {
  if (number < lo || number > hi) return false;
  return step === 0 ? number === origin : (number - origin) % step === 0;
}

/** How many members; Infinity where it has no end. */
export function memberCount({ step, lo, hi }: Progression): number {
  return step === 0 ? 1 : (hi - lo) / step + 1;
}

function derive(value: Value): Progression | undefined {
  const [x, y] = value.inputs as [Value, Value];
  switch (value.op) {
    case 'constant': {
      const number = scalarOf(value);
      return number === undefined || !Number.isFinite(number)
        ? undefined
        : { origin: number, step: 0, lo: number, hi: number };
    }
    case 'cast':
      return x.dtype === 'f32' ? undefined : progression(x);
    case 'signum':
      return TERNARY;
    case 'round':
    case 'floor':
    case 'ceil':
      return rounded(value.op, x);
    case 'clip':
      return clipped(progression(x), value.attrs.min as number, value.attrs.max as number);
    case 'relu':
      return clipped(progression(x), 0, Infinity);
    case 'neg':
      return scaled(progression(x), -1);
    case 'mul':
      return scaled(progression(x), scalarOf(y)) ?? scaled(progression(y), scalarOf(x));
    case 'div':
      return scaled(progression(x), reciprocal(scalarOf(y)));
    case 'add':
      return sum(progression(x), progression(y));
    case 'sub':
      return sum(progression(x), scaled(progression(y), -1));
    case 'maxPool2d':
    case 'reshape':
    case 'transpose':
    case 'slice':
    case 'expand':
      return progression(x);
    case 'concat':
      return value.inputs.map(progression).reduce(union);
    case 'pad':
      return union(progression(x), {
        origin: value.attrs.value as number,
        step: 0,
        lo: value.attrs.value as number,
        hi: value.attrs.value as number,
      });
    case 'multiThreshold':
      return levels(value);
    case 'conv2d':
    case 'dense':
      return accumulated(value);
    default:
      return undefined;
  }
}

/** Any x becomes an integer; one between finite bounds becomes one of finitely many. */
function rounded(op: string, x: Value): Progression {
  const formula = opDef(op).scalar!({});
  if (x.op !== 'clip') return INTEGERS;
  const { min, max } = x.attrs as { min: number; max: number };
  return min <= max
    ? { ...INTEGERS, lo: formula(Math.fround(min)), hi: formula(Math.fround(max)) }
    : INTEGERS;
}

function clipped(p: Progression | undefined, min: number, max: number): Progression | undefined {
  if (p === undefined || min > max) return undefined;
  let { origin, step } = p;
  const [low, high] = [Math.fround(min), Math.fround(max)];
  // A bound that cuts becomes a member itself.
  if (p.lo < low) step = gcd(step, Math.abs(low - origin));
  if (p.hi > high) step = gcd(step, Math.abs(high - origin));
  if (p.hi < low) origin = low;
  if (p.lo > high) origin = high;
  return {
    origin,
    step,
    lo: Math.min(Math.max(p.lo, low), high),
    hi: Math.max(Math.min(p.hi, high), low),
  };
}

/** Only powers of two scale a grid without rounding. */
function scaled(p: Progression | undefined, by: number | undefined): Progression | undefined {
  if (p === undefined || by === undefined || !isPowerOfTwo(Math.abs(by))) return undefined;
  const [a, b] = [p.lo * by, p.hi * by];
  return {
    origin: p.origin * by,
    step: p.step * Math.abs(by),
    lo: Math.min(a, b),
    hi: Math.max(a, b),
  };
}

function reciprocal(number: number | undefined): number | undefined {
  return number === undefined || !isPowerOfTwo(Math.abs(number)) ? undefined : 1 / number;
}

function sum(a: Progression | undefined, b: Progression | undefined): Progression | undefined {
  if (a === undefined || b === undefined) return undefined;
  // Without an end the sum may round.
  if (![a.lo, a.hi, b.lo, b.hi].every(Number.isFinite)) return undefined;
  return {
    origin: a.origin + b.origin,
    step: gcd(a.step, b.step),
    lo: a.lo + b.lo,
    hi: a.hi + b.hi,
  };
}

function union(a: Progression | undefined, b: Progression | undefined): Progression | undefined {
  if (a === undefined || b === undefined) return undefined;
  const step = gcd(gcd(a.step, b.step), Math.abs(a.origin - b.origin));
  return { origin: a.origin, step, lo: Math.min(a.lo, b.lo), hi: Math.max(a.hi, b.hi) };
}

/** bias + scale * count for count in 0 ... T. */
function levels(value: Value): Progression | undefined {
  const { scale, bias } = value.attrs as { scale: number; bias: number };
  const count = value.inputs[1]!.shape[1] as number;
  if (!Number.isInteger(scale) || !Number.isInteger(bias)) return undefined;
  const end = bias + scale * count;
  return { origin: bias, step: Math.abs(scale), lo: Math.min(bias, end), hi: Math.max(bias, end) };
}

/**
 * A sum of K terms x or -x (weights -1 and +1), some of them 0 where the border is padded with
 * zeros. With x = origin + k * step, -x is on x's grid if step divides 2 * origin, and then every
 * sum is K * origin modulo step. Otherwise the grid is made finer until it is. K binary terms give
 * K, K - 2, ..., -K that way, and all integers between with zero padding.
 */
function accumulated(value: Value): Progression | undefined {
  const [x, w] = value.inputs as [Value, Value];
  const bipolar = w.dtype === 'b1' || (w.op === 'cast' && w.inputs[0]!.dtype === 'b1');
  const terms = progression(x);
  if (!bipolar || terms === undefined) return undefined;
  const count = elementCount(w.shape.slice(1));
  const reach = Math.max(Math.abs(terms.lo), Math.abs(terms.hi));
  if (!Number.isFinite(reach)) return undefined;
  let step = gcd(terms.step, Math.abs(2 * terms.origin));
  const pads = (value.attrs.pads ?? []) as readonly number[];
  if (pads.some((side) => side > 0))
    step = gcd(step, Math.abs((value.attrs.padValue as number) - terms.origin));
  // `reach` is lo or -hi up to sign, hence origin modulo step: the ends are members.
  return { origin: count * reach, step, lo: -count * reach, hi: count * reach };
}

/**
 * The progression where all its members, and all partial sums on its grid, are float32 without
 * rounding.
 */
function exact(p: Progression | undefined): Progression | undefined {
  if (p === undefined || !Number.isFinite(p.origin) || !Number.isFinite(p.step)) return undefined;
  const reach = Math.max(Math.abs(p.lo), Math.abs(p.hi));
  if (!Number.isFinite(reach)) return p;
  const grain = gcd(p.step, Math.abs(p.origin));
  return grain === 0 || reach <= largestPowerOfTwoIn(grain) * 2 ** 24 ? p : undefined;
}

/**
 * Exact for doubles: the remainder of two multiples of a unit is a multiple of it. NaN where one is
 * infinite: no grid holds both.
 */
function gcd(a: number, b: number): number {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.NaN;
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

function isPowerOfTwo(number: number): boolean {
  return number > 0 && Number.isFinite(number) && largestPowerOfTwoIn(number) === number;
}

/** The largest power of two of which `number` is a multiple. */
function largestPowerOfTwoIn(number: number): number {
  let power = 2 ** Math.floor(Math.log2(number));
  while (number % power !== 0) power /= 2;
  return power;
}

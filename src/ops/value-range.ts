/**
 * Which numbers a value can hold, where they are known to lie on a grid: { origin + k * step }
 * within [lo, hi]. Binary accumulations, sums of quantised values and everything that keeps them on
 * a grid have one; a value of any real number has none. NaN is left out: no grid holds it.
 *
 * Here is the arithmetic that ops state their ranges with. Not here: which op has which range (each
 * op's file), the walk over a graph (src/passes/value-range.ts).
 */
import type { Value } from '../graph/value.js';

export interface ValueRange {
  readonly origin: number;
  /** 0 where origin is the only member. */
  readonly step: number;
  /** The least and greatest member, or infinite. */
  readonly lo: number;
  readonly hi: number;
}

/** The range of an operand; undefined where it may be any number. */
export type RangeOf = (value: Value) => ValueRange | undefined;

type Known = ValueRange | undefined;

export const BIPOLAR: ValueRange = { origin: -1, step: 2, lo: -1, hi: 1 };
export const INTEGERS: ValueRange = { origin: 0, step: 1, lo: -Infinity, hi: Infinity };
export const TERNARY: ValueRange = { origin: 0, step: 1, lo: -1, hi: 1 };

/** One number alone. */
export function single(number: number): ValueRange {
  return { origin: number, step: 0, lo: number, hi: number };
}

/** True where `number` is one of the members. */
export function contains({ origin, step, lo, hi }: ValueRange, number: number): boolean {
  if (number < lo || number > hi) return false;
  return step === 0 ? number === origin : (number - origin) % step === 0;
}

/** True where every member is an integer. */
export function isWhole({ origin, step }: ValueRange): boolean {
  return Number.isInteger(origin) && Number.isInteger(step);
}

/** How many members; Infinity where it has no end. */
export function memberCount({ step, lo, hi }: ValueRange): number {
  return step === 0 ? 1 : (hi - lo) / step + 1;
}

/** Both bounds of x clipped to [min, max], taken as float32. */
export function clipped(range: Known, min: number, max: number): Known {
  if (range === undefined || min > max) return undefined;
  let { origin, step } = range;
  const [low, high] = [Math.fround(min), Math.fround(max)];
  // A bound that cuts becomes a member itself.
  if (range.lo < low) step = gcd(step, Math.abs(low - origin));
  if (range.hi > high) step = gcd(step, Math.abs(high - origin));
  if (range.hi < low) origin = low;
  if (range.lo > high) origin = high;
  const [lo, hi] = [Math.max(range.lo, low), Math.min(range.hi, high)];
  return { origin, step, lo: Math.min(lo, high), hi: Math.max(hi, low) };
}

/** Only powers of two scale a grid without rounding. */
export function scaled(range: Known, by: number | undefined): Known {
  if (range === undefined || by === undefined || !isPowerOfTwo(Math.abs(by))) return undefined;
  const [a, b] = [range.lo * by, range.hi * by];
  const [lo, hi] = [Math.min(a, b), Math.max(a, b)];
  return { origin: range.origin * by, step: range.step * Math.abs(by), lo, hi };
}

export function reciprocal(number: number | undefined): number | undefined {
  return number === undefined || !isPowerOfTwo(Math.abs(number)) ? undefined : 1 / number;
}

/**
 * Without an end a sum may round: a rounded sum of integers is an integer, of other numbers it may
 * be any.
 */
export function sum(a: Known, b: Known): Known {
  if (a === undefined || b === undefined) return undefined;
  if (![a.lo, a.hi, b.lo, b.hi].every(Number.isFinite))
    return isWhole(a) && isWhole(b) ? INTEGERS : undefined;
  const step = gcd(a.step, b.step);
  return { origin: a.origin + b.origin, step, lo: a.lo + b.lo, hi: a.hi + b.hi };
}

/** Numbers of either. */
export function union(a: Known, b: Known): Known {
  if (a === undefined || b === undefined) return undefined;
  const step = gcd(gcd(a.step, b.step), Math.abs(a.origin - b.origin));
  return { origin: a.origin, step, lo: Math.min(a.lo, b.lo), hi: Math.max(a.hi, b.hi) };
}

/** bias + scale * count for whole numbers and count in 0 ... `most`. */
export function levels(scale: number, bias: number, most: number): Known {
  if (!Number.isInteger(scale) || !Number.isInteger(bias)) return undefined;
  const end = bias + scale * most;
  const [lo, hi] = [Math.min(bias, end), Math.max(bias, end)];
  return { origin: bias, step: Math.abs(scale), lo, hi };
}

/**
 * Sums of `count` terms x or -x, some of which may be `border` instead (undefined: none is). With x
 * = origin + k * step, -x is on x's grid if step divides 2 * origin, and then every sum is count *
 * origin modulo step. Otherwise the grid is made finer until it is. K binary terms give K, K - 2,
 * ..., -K that way, and all integers between with a border of zeros.
 */
export function signedSum(terms: Known, count: number, border?: number): Known {
  if (terms === undefined) return undefined;
  const reach = Math.max(Math.abs(terms.lo), Math.abs(terms.hi));
  if (!Number.isFinite(reach)) return undefined;
  let step = gcd(terms.step, Math.abs(2 * terms.origin));
  if (border !== undefined) step = gcd(step, Math.abs(border - terms.origin));
  // `reach` is lo or -hi up to sign, hence origin modulo step: the ends are members.
  return { origin: count * reach, step, lo: -count * reach, hi: count * reach };
}

/**
 * The range where all its members, and all partial sums on its grid, are float32 without rounding;
 * sums that make one are then exact in every order of summation.
 */
export function exact(range: Known): Known {
  if (range === undefined || !Number.isFinite(range.origin) || !Number.isFinite(range.step))
    return undefined;
  const reach = Math.max(Math.abs(range.lo), Math.abs(range.hi));
  if (!Number.isFinite(reach)) return range;
  const grain = gcd(range.step, Math.abs(range.origin));
  return grain === 0 || reach <= largestPowerOfTwoIn(grain) * 2 ** 24 ? range : undefined;
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

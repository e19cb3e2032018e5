/**
 * Values that are a scale times integers of at most 8 bits, x = (q - zero) * scale, and what holds
 * q: what a graph already stores as integers, or the cast of floats that are integers within
 * bounds, rounded and clipped, or counts of thresholds. What only moves or chooses elements is done
 * on q. Not here: what multiplies them (./integers.ts).
 */
import { type ByteInteger, integerBounds, integerDtype, isByteInteger } from '../core/dtype.js';
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { make } from '../ops/make.js';
import { scalarOf } from '../ops/scalar-of.js';
import { isWhole } from '../ops/value-range.js';
import { valueRange } from './value-range.js';

/** x = (q - zero) * scale. */
export interface IntegerMap {
  readonly dtype: ByteInteger;
  readonly zero: number;
  /** Finite and not 0. */
  readonly scale: number;
  /** q; it may be made by this call. */
  stored(): Value;
}

/** More scales in a row than any quantizer writes. */
export const MOST_FACTORS = 4;
/**
 * Poolings, borders and reshapes in a row that integers are made through: each is repeated for each
 * product behind them.
 */
const MOST_BETWEEN = 8;
/** Parts of a concatenation that is made of integers, at most: each of its readers looks at all. */
const MOST_PARTS = 64;

/** How a value holds integers, of bits where these are asked for; undefined where it does not. */
export function integerMap(x: Value, bits = false, between = 0): IntegerMap | undefined {
  let scale = 1;
  let flowing: Value = x;
  for (let factors = 0; isOp(flowing, 'mul') && factors < MOST_FACTORS; factors++) {
    const [a, b] = flowing.inputs;
    const right = scalarOf(b);
    const factor = right ?? scalarOf(a);
    const next: Value = right === undefined ? b : a;
    if (factor === undefined || !sameShape(next.shape, x.shape)) return undefined;
    scale = Math.fround(scale * factor);
    flowing = next;
  }
  if (!Number.isFinite(scale) || scale === 0) return undefined;
  const map =
    storedIntegers(flowing) ?? moved(flowing, bits, between) ?? wholeFloats(flowing, bits);
  return map && { ...map, scale: Math.fround(map.scale * scale) };
}

/** cast(q), or that less a number. */
function storedIntegers(x: Value): IntegerMap | undefined {
  const zero = isOp(x, 'sub') ? scalarOf(x.inputs[1]) : 0;
  const held: Value = isOp(x, 'sub') ? x.inputs[0] : x;
  if (!isOp(held, 'cast') || zero === undefined || !sameShape(held.shape, x.shape))
    return undefined;
  const q: Value = held.inputs[0];
  const { dtype } = q;
  if (!isByteInteger(dtype)) return undefined;
  const { lo, hi } = integerBounds(dtype);
  if (!Number.isInteger(zero) || zero < lo || zero > hi) return undefined;
  return { dtype, zero, scale: 1, stored: () => q };
}

/** What only moves or chooses elements of maps. */
export function moved(x: Value, bits = false, between = 0): IntegerMap | undefined {
  if (isOp(x, 'concat')) return between < MOST_BETWEEN ? joined(x) : undefined;
  if (!isOp(x, 'maxPool2d') && !isOp(x, 'reshape') && !isOp(x, 'pad')) return undefined;
  const map = between < MOST_BETWEEN ? integerMap(x.inputs[0], bits, between + 1) : undefined;
  const attrs = map && movedAttrs(x, map);
  if (attrs === undefined) return undefined;
  return { ...map!, stored: () => make(x.op, `${x.name}.integers`, [map!.stored()], attrs) };
}

/**
 * Parts end to end, which hold integers of one dtype under one zero point and one scale: then the
 * same float is the same integer in each. Each part may itself be one such move.
 */
function joined(x: Value): IntegerMap | undefined {
  if (x.inputs.length > MOST_PARTS) return undefined;
  const maps: IntegerMap[] = [];
  for (const part of x.inputs as readonly Value[]) {
    const map = integerMap(part, false, MOST_BETWEEN - 1);
    const { dtype, zero, scale } = maps[0] ?? map ?? {};
    if (map === undefined || map.dtype !== dtype || map.zero !== zero || map.scale !== scale)
      return undefined;
    maps.push(map);
  }
  const parts = () => maps.map((map) => map.stored());
  return { ...maps[0]!, stored: () => make('concat', `${x.name}.integers`, parts(), x.attrs) };
}

function movedAttrs(x: Value, { dtype, zero, scale }: IntegerMap): Value['attrs'] | undefined {
  // Of a negative scale the largest is the smallest integer.
  if (x.op === 'maxPool2d') return scale > 0 ? x.attrs : undefined;
  if (x.op !== 'pad') return x.attrs;
  const border = (x.attrs.value as number) / scale + zero;
  const { lo, hi } = integerBounds(dtype);
  return Number.isInteger(border) && lo <= border && border <= hi
    ? { ...x.attrs, value: border }
    : undefined;
}

/** Floats that are integers within bounds, or levels that are a scale times integers. */
function wholeFloats(x: Value, bits: boolean): IntegerMap | undefined {
  const leveled = levelsOf(x);
  const whole = leveled?.counts ?? x;
  const range = valueRange(whole);
  if (range === undefined || !isWhole(range) || (!bits && holdsBits(whole))) return undefined;
  const dtype = integerDtype(range.lo, range.hi);
  if (dtype === undefined || dtype === 'i32') return undefined;
  const stored = () => make('cast', `${x.name}.integers`, [whole], { to: dtype });
  return { dtype, zero: 0, scale: leveled?.scale ?? 1, stored };
}

function holdsBits(x: Value): boolean {
  return isOp(x, 'cast') && x.inputs[0].dtype === 'b1';
}

/**
 * A multiThreshold whose levels are a scale times integers, to the bit, as the integers and the
 * scale; undefined where its levels are integers already, or no such numbers.
 */
function levelsOf(x: Value): { readonly counts: Value; readonly scale: number } | undefined {
  if (!isOp(x, 'multiThreshold')) return undefined;
  const { scale, bias } = x.attrs;
  const first = bias / scale;
  const count = x.inputs[1].shape[1];
  if (scale === 1 || !(scale > 0) || !Number.isInteger(first) || typeof count !== 'number')
    return undefined;
  const f = Math.fround;
  for (let k = 0; k <= count; k++)
    if (f(f(f(scale) * k) + f(bias)) !== f(f(scale) * (k + first))) return undefined;
  const attrs = { scale: 1, bias: first };
  return { counts: make('multiThreshold', `${x.name}.levels`, x.inputs, attrs), scale };
}

/**
 * Values that are stored as integers and read as floats, where the floats need never be in memory:
 *   - an average or another reduction of (cast(q) - zero) * scale reads q. Its kernel makes each
 *     float in registers, by the same two operations, and adds them in the same order: the same
 *     bits for every scale. A sum of integers times the scale would be another number wherever
 *     (q - zero) * scale rounds.
 *   - a product by weights of few bits, and a few of 16 beside them, has exact sums of integers of
 *     both, each under its scale: better than those of floats, which round;
 *   - a shortcut, (cast(q) - zero) * scale, is added to what flows through an epilogue straight
 *     from q, by one step;
 *   - cast(cast(x, u8), f32) of an x that is an integer within the dtype's bounds is x, but for
 *     -0, so that an epilogue can go on behind a value that it stores.
 * Not here: how an epilogue is put together (./fuse.ts).
 */
import { type Integer, integerBounds, isByteInteger } from '../core/dtype.js';
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp, opDef } from '../ops/index.js';
import { scalarOf } from '../ops/scalar-of.js';
import { isWhole } from '../ops/value-range.js';
import { boundsOf } from '../passes/bounds.js';
import { fewUnderIntegers } from '../passes/quantized-weights.js';
import { valueRange } from '../passes/value-range.js';

/** (cast(q) - zero) * scale. */
export interface Dequantized {
  readonly q: Value;
  readonly zero: number;
  readonly scale: number;
  /** The floats on the way from q, the last one the value itself. */
  readonly floats: readonly Value[];
}

/** How a value is made of stored integers; undefined where it is not. */
export function dequantized(value: Value): Dequantized | undefined {
  const floats: Value[] = [];
  const peel = (op: 'mul' | 'sub', from: Value, otherwise: number): [Value, number] | undefined => {
    if (!isOp(from, op)) return [from, otherwise];
    const number = scalarOf(from.inputs[1]);
    if (number === undefined || !sameShape(from.inputs[0].shape, from.shape)) return undefined;
    floats.unshift(from);
    return [from.inputs[0], number];
  };
  const [shifted, scale] = peel('mul', value, 1) ?? [];
  const [held, zero] = (shifted && peel('sub', shifted, 0)) ?? [];
  if (held === undefined || !isOp(held, 'cast') || held.dtype !== 'f32') return undefined;
  const q: Value = held.inputs[0];
  if (!isByteInteger(q.dtype) || q.op === 'constant') return undefined;
  floats.unshift(held);
  return { q, zero: zero as number, scale: scale as number, floats };
}

/**
 * The shortcuts of a graph that are read as integers, by the floats that they stand for: each is
 * added to values that are floats already, and otherwise read by kernels that take integers. Of two
 * that are added to each other, it is the one whose integers are there first.
 */
export function integerShortcuts(
  order: readonly Value[],
  usersOf: (value: Value) => readonly Value[],
  isResult: (value: Value) => boolean,
): Map<Value, Dequantized> {
  const place = new Map(order.map((value, i) => [value, i]));
  const candidates = order.flatMap((value) => {
    const [adds, others] = parted(usersOf(value));
    if (adds.length === 0) return [];
    const shortcut = dequantized(value);
    if (shortcut === undefined || shortcut.floats.some(isResult)) return [];
    if (!others.every((user) => takesIntegers(user, shortcut))) return [];
    const inner = shortcut.floats.slice(0, -1);
    return inner.every((float) => usersOf(float).length === 1) ? [{ value, adds, shortcut }] : [];
  });
  candidates.sort((a, b) => place.get(a.shortcut.q)! - place.get(b.shortcut.q)!);
  const found = new Map<Value, Dequantized>();
  for (const { value, adds, shortcut } of candidates) {
    const isAddend = ({ inputs, shape }: Value) => {
      const other = inputs.find((input) => input !== value);
      return (
        other !== undefined &&
        other.op !== 'constant' &&
        !found.has(other) &&
        inputs.every((input) => sameShape(input.shape, shape))
      );
    };
    if (adds.every(isAddend)) found.set(value, shortcut);
  }
  return found;
}

/** Sums, and all else. */
function parted(users: readonly Value[]) {
  const adds = users.filter((user) => isOp(user, 'add'));
  const others = users.filter((user) => !isOp(user, 'add'));
  return [adds, others] as const;
}

function takesIntegers(user: Value, source: Dequantized): boolean {
  return (
    opDef(user.op).readsIntegers?.(user) === true || fewUnderIntegers(user, source) !== undefined
  );
}

/**
 * The floats of a graph that only ops read whose kernels take integers in their place, and sums if
 * they are shortcuts; and those integers.
 */
export function integerSources(
  order: readonly Value[],
  usersOf: (value: Value) => readonly Value[],
  isResult: (value: Value) => boolean,
  shortcuts: ReadonlyMap<Value, Dequantized>,
): Map<Value, Dequantized> {
  const found = new Map<Value, Dequantized>();
  for (const value of order) {
    const [adds, others] = parted(usersOf(value));
    if (others.length === 0 || (adds.length > 0 && !shortcuts.has(value))) continue;
    const source = dequantized(value);
    if (source === undefined || source.floats.some(isResult)) continue;
    if (!others.every((user) => takesIntegers(user, source))) continue;
    const inner = source.floats.slice(0, -1);
    if (inner.every((float) => usersOf(float).length === 1)) found.set(value, source);
  }
  return found;
}

/**
 * The cast back to floats of integers that `x` is stored as by `q`, if it is x but for -0: nothing
 * is lost where x is an integer that the dtype holds, and never NaN.
 */
export function castBack(
  x: Value,
  q: Value,
  usersOf: (value: Value) => readonly Value[],
): Value | undefined {
  if (!isByteInteger(q.dtype)) return undefined;
  const range = valueRange(x);
  const { lo, hi } = integerBounds(q.dtype as Integer);
  if (range === undefined || !isWhole(range) || range.lo < lo || range.hi > hi) return undefined;
  if (boundsOf(x) === undefined) return undefined;
  return usersOf(q).find((user) => isOp(user, 'cast') && user.dtype === 'f32');
}

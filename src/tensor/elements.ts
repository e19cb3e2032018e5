/**
 * What the methods of a tensor do with its elements: parts, nested lists, text. Values are the
 * elements in row-major order, those of b1 as -1 and +1. Not here: the class (tensor.ts), bits
 * (values.ts).
 */
import type { DType } from '../core/dtype.js';
import { expected } from '../core/errors.js';
import { elementCount, isSize, showShape } from '../core/shape.js';

/** Numbers nested as deep as a tensor has axes; of a tensor without axes the number. */
export type NestedNumbers = number | NestedNumbers[];

const SITE = { op: 'Tensor' };
/** Elements that a text shows, and characters that one line of it may have. */
const SHOWN = 8;
const DOTS = '...';

/**
 * The shape that `wanted` means for `count` elements: one size may be -1, which is what is left.
 * @throws BitplaneError ERR_SHAPE
 */
export function shapeFor(wanted: readonly number[], count: number): number[] {
  if (!Array.isArray(wanted) || !wanted.every((size) => isSize(size) || size === -1))
    throw expected(
      'ERR_SHAPE',
      'a shape of whole numbers >= 0, one of them -1 at most,',
      wanted,
      SITE,
    );
  const open = wanted.filter((size) => size === -1).length;
  const known = elementCount(wanted.filter((size) => size !== -1));
  const rest = known === 0 ? Number.NaN : count / known;
  if (open > 1 || (open === 1 ? !Number.isInteger(rest) : known !== count))
    throw expected('ERR_SHAPE', `a shape of ${count} elements`, showShape(wanted), SITE);
  return wanted.map((size) => (size === -1 ? rest : size));
}

/** An axis counted from the front, or from the end where it is negative. */
export function axisOf(axis: unknown, rank: number): number {
  if (!Number.isInteger(axis) || (axis as number) < -rank || (axis as number) >= rank)
    throw expected('ERR_ARGUMENT', `an axis from ${-rank} to ${rank - 1}`, axis, SITE);
  return (axis as number) < 0 ? (axis as number) + rank : (axis as number);
}

/** [from, to) of an axis of `size`, as `Array.prototype.slice` reads its arguments. */
export function rangeOf(from: unknown, to: unknown, size: number): readonly [number, number] {
  const place = (index: unknown, otherwise: number) => {
    if (index === undefined) return otherwise;
    if (!Number.isInteger(index))
      throw expected('ERR_ARGUMENT', 'whole numbers to slice from and to', index, SITE);
    const at = index as number;
    return at < 0 ? Math.max(0, size + at) : Math.min(size, at);
  };
  const begin = place(from, 0);
  return [begin, Math.max(begin, place(to, size))];
}

/** Calls `copy` for each run of elements of [from, to) of an axis, in row-major order. */
export function eachRun(
  shape: readonly number[],
  axis: number,
  [from, to]: readonly [number, number],
  copy: (begin: number, length: number) => void,
): void {
  const inner = elementCount(shape.slice(axis + 1));
  // An empty tensor may have axes of any length.
  if ((to - from) * inner === 0) return;
  const size = shape[axis] as number;
  const outer = elementCount(shape.slice(0, axis));
  for (let i = 0; i < outer; i++) copy((i * size + from) * inner, (to - from) * inner);
}

/** Where the greatest of `count` values is that lie `step` apart; NaN is less than all others. */
export function greatestAt(
  values: ArrayLike<number>,
  first: number,
  count: number,
  step: number,
): number {
  let best = 0;
  let most = Number.NaN;
  for (let i = 0; i < count; i++) {
    const value = values[first + i * step] as number;
    if (value > most || (Number.isNaN(most) && !Number.isNaN(value))) [best, most] = [i, value];
  }
  return best;
}

/** Empty lists that a tensor without elements may be. */
const MOST_LISTS = 2 ** 20;

/**
 * Nested by the shape.
 * @throws BitplaneError ERR_LIMIT for an empty tensor of more than 2^20 empty lists
 */
export function nested(values: ArrayLike<number>, shape: readonly number[]): NestedNumbers {
  // Beyond elements: an empty tensor may have axes of any length.
  const lists = values.length > 0 ? 0 : elementCount(shape.slice(0, shape.indexOf(0)));
  if (lists > MOST_LISTS)
    throw expected('ERR_LIMIT', `a tensor of at most ${MOST_LISTS} empty lists`, lists, {
      op: 'toArray',
    });
  let at = 0;
  const part = (axis: number): NestedNumbers => {
    if (axis === shape.length) return values[at++] as number;
    return Array.from({ length: shape[axis] as number }, () => part(axis + 1));
  };
  return part(0);
}

/** Numbers as JSON has them; those that it lacks as their names. */
export function jsonNumbers(values: ArrayLike<number>): (number | string)[] {
  return Array.from(values, (value) => (Number.isFinite(value) ? value : String(value)));
}

/** `f32[1, 3] [0.25, -1, 3.14159]`: the first elements, at most six digits each. */
export function preview(
  dtype: DType,
  shape: readonly number[],
  first: ArrayLike<number>,
  count: number,
): string {
  const shown = Array.from({ length: Math.min(SHOWN, first.length) }, (_, i) =>
    String(Number((first[i] as number).toPrecision(6))),
  );
  if (count > shown.length) shown.push(`${DOTS} ${count - shown.length} more`);
  return `${dtype}${showShape(shape)} [${shown.join(', ')}]`;
}

/** How many elements `preview` needs. */
export const PREVIEWED = SHOWN;

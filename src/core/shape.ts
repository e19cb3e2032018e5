/**
 * Shapes: a dimension is a number or a symbol such as 'N'. Not here: the shape rules of ops (each
 * op states its own).
 */
import { cut, expected } from './errors.js';
import { MAX_RANK } from './limits.js';

/** A size, or the name of a size that is known only when a run begins. */
export type Dim = number | string;
/** Sizes of the axes, outermost first: numbers, or symbols for sizes that a run gives. */
export type Shape = readonly Dim[];
/** Sizes of symbols. A record without a prototype, because a symbol may have any name. */
export type Sizes = Readonly<Record<string, number>>;

/** Number of elements; throws where a dimension is still a symbol. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const dim of shape) {
    if (typeof dim !== 'number')
      throw expected('ERR_SHAPE', 'a shape without symbols', showShape(shape));
    count *= dim;
  }
  return count;
}

/** The shape as text, cut after the most axes that a shape may have. */
export function showShape(shape: Shape): string {
  const dims = shape
    .slice(0, MAX_RANK)
    .map((dim) => (typeof dim === 'string' ? cut(dim, 80) : String(dim)));
  return `[${dims.join(', ')}${shape.length > MAX_RANK ? ', ...' : ''}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** True for a whole number that can be a size. */
export function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

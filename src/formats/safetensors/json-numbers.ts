/**
 * Attributes as JSON, which has no infinities, no NaN and loses the sign of -0: those numbers
 * travel as { "number": "Infinity" }. Attributes hold no other objects.
 */
import { expected } from '../../core/errors.js';

const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['NaN', Number.NaN],
  ['-0', -0],
]);
const MAX_DEPTH = 8;

export function toJson(value: unknown): unknown {
  if (typeof value === 'number') {
    for (const [name, special] of SPECIAL) if (Object.is(value, special)) return { number: name };
    return value;
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
}

/** @throws BitplaneError ERR_FORMAT for a number that has no such name, or nesting without end */
export function fromJson(value: unknown, depth = 0): unknown {
  // No op nests deeper; a file that does would exhaust the call stack.
  if (depth > MAX_DEPTH)
    throw expected('ERR_FORMAT', `attributes nested at most ${MAX_DEPTH} deep`, 'deeper ones', {
      op: 'model',
    });
  if (Array.isArray(value)) return value.map((item) => fromJson(item, depth + 1));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0]?.[0] === 'number') {
    const special = SPECIAL.get(String(entries[0][1]));
    if (special === undefined)
      throw expected('ERR_FORMAT', `a number of ${[...SPECIAL.keys()].join(', ')}`, entries[0][1], {
        op: 'model',
      });
    return special;
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, fromJson(item, depth + 1)]));
}

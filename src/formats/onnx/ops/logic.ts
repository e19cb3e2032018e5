/**
 * Comparisons, logic and Where on integers known at import, as exporters write them around shapes:
 * `expand` compares sizes with -1. Not here: comparisons of computed values (./conditions.ts).
 */
import type { Dim } from '../../../core/shape.js';
import type { NodeContext } from '../context.js';
import type { Item } from '../item.js';
import { elementwiseIntegers } from './known-elements.js';

export type Comparison = 'Equal' | 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual';

const COMPARISONS: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
  Equal: (a, b) => a === b,
  Greater: (a, b) => a > b,
  GreaterOrEqual: (a, b) => a >= b,
  Less: (a, b) => a < b,
  LessOrEqual: (a, b) => a <= b,
};

export function comparedIntegers(context: NodeContext, which: Comparison): Item {
  return elementwiseIntegers(context, 2, ([a, b]) => {
    const answer = compare(which, a as Dim, b as Dim);
    if (answer === undefined)
      throw context.expected(
        'ERR_UNSUPPORTED',
        'sizes whose comparison is known at import',
        `${a} and ${b}`,
      );
    return answer ? 1 : 0;
  });
}

/** Of an unknown size no more is known than that it is 0 or more. */
function compare(which: Comparison, a: Dim, b: Dim): boolean | undefined {
  const formula = COMPARISONS[which];
  if (typeof a === 'number' && typeof b === 'number') return formula(a, b);
  if (a === b) return formula(0, 0);
  // A size above every negative number.
  if (typeof b === 'number' && b < 0) return formula(0, b);
  if (typeof a === 'number' && a < 0) return formula(a, 0);
  return undefined;
}

export function logicOfIntegers(
  context: NodeContext,
  formula: (a: boolean, b: boolean) => boolean,
): Item {
  return elementwiseIntegers(context, 2, ([a, b]) => (formula(a !== 0, b !== 0) ? 1 : 0));
}

export function notOfIntegers(context: NodeContext): Item {
  return elementwiseIntegers(context, 1, ([a]) => (a === 0 ? 1 : 0));
}

export function whereOfIntegers(context: NodeContext): Item {
  return elementwiseIntegers(context, 3, ([condition, a, b]) => (condition === 0 ? b : a) as Dim);
}

/**
 * How far numbers are from those of a reference. Not here: where either come from.
 */

/** Of elements that were compared, in any number of runs. */
export interface Difference {
  readonly elements: number;
  /** The greatest |a - b|; Infinity where one of them alone is NaN, or infinite. */
  readonly maxAbs: number;
  /** The greatest |a - b| / max(1, |b|), which the tolerance bounds. */
  readonly maxRel: number;
  /** Elements beyond the tolerance. */
  readonly beyond: number;
  /** Elements where one is below zero and the other above. */
  readonly signs: number;
  /** Elements that are not the same number. */
  readonly unequal: number;
  /** The element of `maxRel`, the first of several; undefined if all are the same. */
  readonly worst: Worst | undefined;
}

export interface Worst {
  readonly run: number;
  /** Position in row-major order. */
  readonly element: number;
  readonly ours: number;
  readonly theirs: number;
}

export const NO_DIFFERENCE: Difference = {
  elements: 0,
  maxAbs: 0,
  maxRel: 0,
  beyond: 0,
  signs: 0,
  unequal: 0,
  worst: undefined,
};

/** `before` and the elements of another run; `theirs` is the reference, of as many elements. */
export function compareNumbers(
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
  tolerance: number,
  before: Difference = NO_DIFFERENCE,
  run = 1,
): Difference {
  let { maxAbs, maxRel, beyond, signs, unequal, worst } = before;
  for (let i = 0; i < theirs.length; i++) {
    const [a, b] = [ours[i] as number, theirs[i] as number];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    unequal++;
    if ((a < 0 && b > 0) || (a > 0 && b < 0)) signs++;
    // A number beside NaN or an infinity is as far from it as can be.
    const apart = Math.abs(a - b);
    const abs = Number.isNaN(apart) ? Infinity : apart;
    const rel = Number.isFinite(b) ? abs / Math.max(1, Math.abs(b)) : Infinity;
    if (!(rel <= tolerance)) beyond++;
    maxAbs = Math.max(maxAbs, abs);
    if (rel > maxRel) worst = { run, element: i, ours: a, theirs: b };
    maxRel = Math.max(maxRel, rel);
  }
  const elements = before.elements + theirs.length;
  return { elements, maxAbs, maxRel, beyond, signs, unequal, worst };
}

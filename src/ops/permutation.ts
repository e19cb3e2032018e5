/** Arithmetic on permutations of axes. Not here: what a transposition does to an op. */

/** inverse[perm[i]] = i */
export function inverse(perm: readonly number[]): number[] {
  const result = new Array<number>(perm.length);
  perm.forEach((axis, i) => {
    result[axis] = i;
  });
  return result;
}

/**
 * A list with one entry an axis of transpose(x, perm), as the axes of x need it.
 */
export function unpermute<T>(list: readonly T[], perm: readonly number[]): T[] {
  return inverse(perm).map((i) => list[i] as T);
}

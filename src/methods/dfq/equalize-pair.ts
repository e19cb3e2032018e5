/**
 * Cross-layer equalization of one pair, on numbers: channel i of the first layer is multiplied by
 * S[i], what the second layer reads of it divided by S[i], and the two ranges become
 * sqrt(r1 r2). Nagel et al., ICCV 2019, arXiv 1906.04721, section 4.1. Not here: which layers are a
 * pair, and how often (./equalize.ts).
 */

/**
 * - `symmetric`: max |w|, as in the paper, whose weights are symmetric
 * - `asymmetric`: max - min, the released default
 */
export type WeightRanges = 'symmetric' | 'asymmetric';

/**
 * The range of the weights of each group. @param group of weight i, below `count`
 * Arguments are not checked.
 */
export function groupRanges(
  w: ArrayLike<number>,
  group: (i: number) => number,
  count: number,
  ranges: WeightRanges,
): Float64Array {
  const lo = new Float64Array(count).fill(Infinity);
  const hi = new Float64Array(count).fill(-Infinity);
  for (let i = 0; i < w.length; i++) {
    const g = group(i);
    const value = ranges === 'symmetric' ? Math.abs(w[i]!) : w[i]!;
    if (value < lo[g]!) lo[g] = value;
    if (value > hi[g]!) hi[g] = value;
  }
  return hi.map((most, g) => (ranges === 'symmetric' ? most : most - lo[g]!));
}

const [LEAST, MOST] = [1e-8, 1e8];

/**
 * S = sqrt(r1 r2) / r1, within [1e-8, 1e8] as released. 1 where a range is 0: such a channel gives
 * or takes nothing. (The paper's s is 1 / S.)
 * Arguments are not checked.
 */
export function pairScales(first: ArrayLike<number>, second: ArrayLike<number>): Float64Array {
  return Float64Array.from(first, (r1, i) => {
    const r2 = second[i]!;
    if (!(r1 > 0 && r2 > 0)) return 1;
    return Math.min(MOST, Math.max(LEAST, Math.sqrt(r2 / r1)));
  });
}

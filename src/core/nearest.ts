/**
 * Finds the known name that a misspelt one probably means. Not here: the error message.
 */

/** Longer names are compared by their beginnings. */
const LONGEST = 64;

/**
 * The candidate closest to `word`: one that it contains or that contains it (`intraOpNumThreads`:
 * `threads`), one with a long stretch in common (`optimizationLevel`: `optimize`), or one a few
 * letters away (`sgnal`: `signal`). Undefined where none is close.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestScore = 0;
  for (const candidate of candidates) {
    const score = likeness(
      word.slice(0, LONGEST).toLowerCase(),
      candidate.slice(0, LONGEST).toLowerCase(),
    );
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

/** From 0, nothing alike, to 1, the same. */
function likeness(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  if (shorter === 0) return 0;
  const letters = 1 - editDistance(a, b) / Math.max(a.length, b.length);
  const stretch = commonStretch(a, b);
  return Math.max(
    letters >= 0.6 ? letters : 0,
    stretch >= 3 && stretch / shorter >= 0.75 ? (0.9 * stretch) / shorter : 0,
  );
}

/**
 * Letters to insert, delete, replace or swap with their neighbour: the optimal string alignment
 * distance.
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (row[j] as number) + 1,
        (next[j - 1] as number) + 1,
        (row[j - 1] as number) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] as number) + 1);
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}

/** Length of the longest string that both contain. */
function commonStretch(a: string, b: string): number {
  let longest = 0;
  let row = new Array<number>(b.length + 1).fill(0);
  for (const letter of a) {
    const next = [0];
    for (let j = 1; j <= b.length; j++) {
      const length = letter === b[j - 1] ? (row[j - 1] as number) + 1 : 0;
      next.push(length);
      longest = Math.max(longest, length);
    }
    row = next;
  }
  return longest;
}

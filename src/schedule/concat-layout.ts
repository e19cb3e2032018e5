/** Where the parts of a concatenation along the channels lie in it. */
import type { Value } from '../graph/value.js';

export interface ConcatLayout {
  /** The first channel of each part that occurs once. */
  readonly firsts: ReadonlyMap<Value, number>;
  /** Every part ends where a word of bits ends. */
  readonly wholeWords: boolean;
}

export function concatLayout({ inputs }: Value): ConcatLayout {
  const firsts = new Map<Value, number>();
  const seen = new Set<Value>();
  let first = 0;
  let wholeWords = true;
  for (const part of inputs) {
    const channels = part.shape.at(-1) as number;
    if (seen.has(part)) firsts.delete(part);
    else firsts.set(part, first);
    seen.add(part);
    wholeWords &&= channels % 64 === 0;
    first += channels;
  }
  return { firsts, wholeWords };
}

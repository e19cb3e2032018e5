/**
 * Draws the mutants to try: a number from each folder in proportion to its lines, in an order that
 * a seed fixes. Not here: what a mutant is, or trying one.
 *
 * A mutant is { file, line, column, start, end, original, mutated, kind }: the text from `start` to
 * `end` of a file (offsets) and what takes its place. Lines count from 1, columns from 0.
 */

/**
 * The share of mutants that goes to native code where a sample covers both languages: a fault there
 * is the hardest to see.
 */
const NATIVE_SHARE = 0.3;

/** One name for a mutant, the same in every run on the same sources. */
export const nameOf = ({ file, line, column, original, mutated }) =>
  `${file}:${line}:${column + 1} ${oneLine(original)} -> ${oneLine(mutated)}`;

const oneLine = (text) => {
  const flat = text.replace(/\s+/g, ' ').trim() || '(nothing)';
  return flat.length > 90 ? `${flat.slice(0, 60)} ... ${flat.slice(-25)}` : flat;
};

/** Numbers in [0, 1) that follow from a text (mulberry32, begun by FNV-1a). */
export function seeded(seed) {
  let state = 2166136261;
  for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 16777619) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * How many of `total` mutants each folder gets, in proportion to its lines (largest remainders).
 * Where both languages are there, native code gets NATIVE_SHARE of them.
 * @param lines by folder, `src/ops` or `native/simd`
 */
export function allot(total, lines) {
  const names = Object.keys(lines);
  const native = names.filter((name) => name.startsWith('native'));
  if (native.length === 0 || native.length === names.length)
    return proportional(total, lines, names);
  const forNative = Math.round(total * NATIVE_SHARE);
  const others = names.filter((name) => !native.includes(name));
  return {
    ...proportional(total - forNative, lines, others),
    ...proportional(forNative, lines, native),
  };
}

function proportional(total, lines, names) {
  const sum = names.reduce((all, name) => all + lines[name], 0);
  const exact = names.map((name) => ({ name, share: (total * lines[name]) / sum }));
  const shares = Object.fromEntries(exact.map(({ name, share }) => [name, Math.floor(share)]));
  let left = total - Object.values(shares).reduce((all, share) => all + share, 0);
  for (const { name } of exact.sort((a, b) => (b.share % 1) - (a.share % 1)))
    if (left-- > 0) shares[name]++;
  return shares;
}

/**
 * The mutants in the order in which they are tried: lines in random order with one random mutant
 * each, so that a line full of operators weighs no more than any other; then each line's second,
 * and so on.
 */
export function ordered(mutants, next) {
  const byLine = new Map();
  for (const mutant of mutants) {
    const key = `${mutant.file}:${mutant.line}`;
    byLine.set(key, [...(byLine.get(key) ?? []), mutant]);
  }
  const lines = shuffled([...byLine.values()], next).map((line) => shuffled(line, next));
  const longest = lines.reduce((most, line) => Math.max(most, line.length), 0);
  return Array.from({ length: longest }, (_, round) =>
    lines.flatMap((line) => line.slice(round, round + 1)),
  ).flat();
}

function shuffled(items, next) {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

/**
 * Reports the verdicts on a sample of mutants, for people and as JSON. Survivors that
 * explained.json explains still count as survivors, but are listed apart.
 */
import { readFileSync } from 'node:fs';
import { nameOf } from './sample.mjs';

/**
 * { file, line (its text), original, mutated, why }: mutants that no test can tell from the code,
 * and why.
 */
const EXPLAINED = JSON.parse(readFileSync(new URL('./explained.json', import.meta.url), 'utf8'));

/**
 * @param decided [{ mutant, folder, verdict, by }], verdict 'caught' or 'survived'
 * @param lineOf the text of a mutant's line
 */
export function summary(decided, lineOf) {
  const explanation = (mutant) =>
    EXPLAINED.find(
      ({ file, line, original, mutated }) =>
        file === mutant.file &&
        line === lineOf(mutant).trim() &&
        original === mutant.original &&
        mutated === mutant.mutated,
    )?.why;
  const open = decided.find(({ verdict }) => verdict !== 'caught' && verdict !== 'survived');
  if (open) throw new Error(`no verdict on ${nameOf(open.mutant)}`);
  const survived = decided.filter(({ verdict }) => verdict === 'survived');
  const groups = new Map();
  for (const { folder, verdict } of decided) {
    for (const group of new Set([folder, folder.split('/')[0]])) {
      const counts = groups.get(group) ?? { tried: 0, caught: 0 };
      counts.tried++;
      if (verdict === 'caught') counts.caught++;
      groups.set(group, counts);
    }
  }
  const tried = decided.length;
  const caught = tried - survived.length;
  return {
    tried,
    caught,
    score: percent(caught, tried),
    folders: Object.fromEntries(
      [...groups]
        .sort()
        .map(([name, counts]) => [
          name,
          { ...counts, score: percent(counts.caught, counts.tried) },
        ]),
    ),
    survivors: survived.map(({ mutant }) => {
      const { file, line, column, original, mutated, kind } = mutant;
      const why = explanation(mutant);
      return { file, line, column: column + 1, kind, original, mutated, ...(why && { why }) };
    }),
  };
}

const percent = (part, whole) => (whole === 0 ? null : Math.round((1000 * part) / whole) / 10);

export function printSummary({ seed, ...result }) {
  const lines = [];
  for (const { why, ...mutant } of result.survivors) {
    lines.push(`survived  ${nameOf({ ...mutant, column: mutant.column - 1 })}`);
    if (why) lines.push(`          ${why}`);
  }
  const explained = result.survivors.filter(({ why }) => why).length;
  for (const [name, { tried, caught, score }] of Object.entries(result.folders))
    lines.push(
      `${name.padEnd(20)} ${String(caught).padStart(4)} ` +
        `of ${String(tried).padStart(4)}  ${score} %`,
    );
  lines.push(
    `seed ${seed}: ${result.caught} of ${result.tried} mutants caught, ${result.score} %; ` +
      `${explained} of the others are explained`,
  );
  return lines.join('\n');
}

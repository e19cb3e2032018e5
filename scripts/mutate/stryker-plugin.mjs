/**
 * A reporter for Stryker that writes each verdict at once and keeps Stryker to the sample. Stryker
 * takes ranges of source text, and a range may hold more mutants than the drawn one; the reporter
 * removes the others from Stryker's plan. Not here: what is in the sample (./sample.mjs).
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** The identity of a mutant, independent of Stryker's numbers: file, place and replacement. */
const key = (file, { start, end }, replacement) =>
  JSON.stringify([file, start.line, start.column, end.line, end.column, replacement]);

class SampleReporter {
  #sample = new Map(
    JSON.parse(readFileSync(process.env.BITPLANE_MUTATE_SAMPLE, 'utf8')).map(
      ({ file, location, mutated }, index) => [key(file, location, mutated), index],
    ),
  );
  /** Numbers in the sample by Stryker's. */
  #indices = new Map();
  #names = new Map();

  onDryRunCompleted({ result }) {
    for (const { id, name } of result.tests) this.#names.set(id, name);
  }

  onMutationTestingPlanReady({ mutantPlans }) {
    for (const { mutant } of mutantPlans) {
      const { id, fileName, location, replacement } = mutant;
      const index = this.#sample.get(key(relative(process.cwd(), fileName), location, replacement));
      if (index !== undefined) this.#indices.set(id, index);
    }
    const wanted = mutantPlans.filter(({ mutant }) => this.#indices.has(mutant.id));
    mutantPlans.splice(0, mutantPlans.length, ...wanted);
  }

  onMutantTested(result) {
    const index = this.#indices.get(result.id);
    if (index === undefined) return;
    const by =
      result.status === 'Timeout'
        ? 'no end'
        : (this.#names.get(result.killedBy?.[0]) ?? result.statusReason?.slice(0, 160));
    appendFileSync(
      process.env.BITPLANE_MUTATE_RESULTS,
      `${JSON.stringify({ index, status: result.status, by })}\n`,
    );
  }
}

export const strykerPlugins = [
  { kind: 'Reporter', name: 'sample', injectableClass: SampleReporter },
];

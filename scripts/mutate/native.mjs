/**
 * Tries mutants of C++: plants one in the copy, compiles the objects it reaches, runs the tests
 * until one fails, and puts objects and sources back. Not here: which mutants there are
 * (./native-mutants.mjs) and which are tried (./sample.mjs).
 */

import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { nativeMutants } from './native-mutants.mjs';
import { failure, plant, run, runTests } from './tree.mjs';

const ADDON = join('Release', 'bitplane.node');

/** Where a fault is most likely seen comes first; the last is all the rest of `npm test`. */
const STAGES = [
  ['test/native'],
  ['test/runtime'],
  ['--exclude=test/native/**', '--exclude=test/runtime/**'],
];
const BUILD_LIMIT_MS = 20 * 60_000;

/** The mutants of the files under native/ that this machine's CPU can run. */
export function listNative(tree, files) {
  const { isas } = createRequire(import.meta.url)(join(tree, 'build', ADDON));
  const foreign = new RegExp(`(?:_|simd/)(?:${absent(isas).join('|') || 'none'})\\.(?:cc|h)$`);
  return files
    .filter((file) => /^native\/.*\.(?:cc|h|inc)$/.test(file) && !foreign.test(file))
    .flatMap((file) => nativeMutants(file, readFileSync(join(tree, file), 'utf8')));
}

const absent = (isas) => Object.keys(isas).filter((isa) => !isas[isa]);

/**
 * Tries one mutant after another. `try(mutant)` answers { verdict, by }; verdict is 'caught',
 * 'survived' or 'invalid'.
 */
export class NativeTrial {
  #tree;
  #workers;
  #stages;
  #limits = [];

  /** `tests` names the only tests to run. */
  constructor(tree, { workers, tests }) {
    this.#tree = tree;
    this.#workers = workers;
    this.#stages = tests === undefined ? STAGES : [tests];
    this.#keep();
  }

  async try(mutant) {
    const takeOut = plant(this.#tree, mutant);
    const restore = () => this.#restore();
    process.on('exit', restore);
    try {
      const build = await run(
        this.#tree,
        'cmake',
        ['--build', 'build', '--parallel', String(this.#workers)],
        { limitMs: BUILD_LIMIT_MS },
      );
      if (!build.ok) return { verdict: 'invalid', by: 'does not compile' };
      if (this.#addon('build').equals(this.#addon('pristine')))
        return { verdict: 'invalid', by: 'the same machine code' };
      for (let stage = 0; stage < this.#stages.length; stage++) {
        const limitMs = await this.#limit(stage);
        const result = await runTests(this.#tree, this.#stages[stage], {
          workers: this.#workers,
          limitMs,
        });
        if (!result.ok) return { verdict: 'caught', by: failure(result) };
      }
      return { verdict: 'survived' };
    } finally {
      takeOut();
      process.off('exit', restore);
      restore();
    }
  }

  /** A copy of the build folder, whose objects take the place of those that a mutant made. */
  #keep() {
    const { build, pristine } = this.#folders();
    replaceFolder(build, pristine);
  }

  #restore() {
    const { build, pristine } = this.#folders();
    replaceFolder(pristine, build);
  }

  #folders() {
    return { build: join(this.#tree, 'build'), pristine: join(this.#tree, '..', 'pristine') };
  }

  #addon(folder) {
    return readFileSync(join(this.#folders()[folder], ADDON));
  }

  /** Tests that take twice as long as without a mutant, and half a minute, will not end. */
  async #limit(stage) {
    if (this.#limits[stage] === undefined) {
      const { build, pristine } = this.#folders();
      // Measured on the addon without mutants, which is put aside for it.
      const mutated = this.#addon('build');
      cpSync(join(pristine, ADDON), join(build, ADDON));
      const result = await runTests(this.#tree, this.#stages[stage], { workers: this.#workers });
      if (!result.ok) throw new Error(`the tests fail without any mutant: ${failure(result)}`);
      this.#limits[stage] = 2 * result.ms + 30_000;
      writeFileSync(join(build, ADDON), mutated);
    }
    return this.#limits[stage];
  }
}

/**
 * `cp -a` keeps times to the nanosecond. Node's copy rounds them, and an object that looks newer
 * than the build knows it is compiled again.
 */
function replaceFolder(from, to) {
  rmSync(to, { recursive: true, force: true });
  execFileSync('cp', ['-a', from, to]);
}

/**
 * Tries mutants of C++: plants one in the copy, compiles the objects it reaches, runs the tests
 * until one fails, and puts objects and sources back. Not here: which mutants there are
 * (./native-mutants.mjs) and which are tried (./sample.mjs).
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { nativeMutants } from './native-mutants.mjs';
import { plant, run } from './tree.mjs';

const ADDON = join('Release', 'bitplane.node');

/**
 * The tests in the order in which a fault is most likely seen: those named after the kernel, then
 * all of kernels, of runs, of ops, then all others.
 */
export function stagesOf({ file }, tests) {
  const kernel = /^native\/kernels\/(\w+)\//.exec(file)?.[1];
  const own = (test) => kernel !== undefined && basename(test).startsWith(kernel);
  const within = (folder) => (test) => test.startsWith(`test/${folder}/`);
  const stages = [];
  let rest = tests;
  for (const first of [own, within('native'), within('runtime'), within('ops'), () => true]) {
    stages.push(rest.filter(first));
    rest = rest.filter((test) => !first(test));
  }
  return stages.filter((stage) => stage.length > 0);
}

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
  #tests;

  /** `tests` are what ./tests.mjs knows of them. */
  constructor(tree, tests, workers) {
    this.#tree = tree;
    this.#workers = workers;
    this.#tests = tests;
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
      for (const stage of stagesOf(mutant, this.#tests.files)) {
        const by = await this.#tests.firstFailure(stage);
        if (by) return { verdict: 'caught', by };
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
}

/**
 * `cp -a` keeps times to the nanosecond. Node's copy rounds them, and an object that looks newer
 * than the build knows it is compiled again.
 */
function replaceFolder(from, to) {
  rmSync(to, { recursive: true, force: true });
  execFileSync('cp', ['-a', from, to]);
}

/**
 * The tests that try mutants: which there are, how long each file takes without a mutant, and
 * running some of them until the first failure. They run once without a mutant; that is kept until
 * a file of the repository changes. Files that fail then are said and left out: what they find is
 * not the mutant. Not here: which tests a mutant needs (./native.mjs, ./switches.mjs).
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CACHE, run } from './tree.mjs';

/** Whether `npm test` runs this file. */
export const isTest = (file) => /^test\/(?!package\/|process\/).*\.test\.ts$/.test(file);

export class Tests {
  #tree;
  #workers;
  #ms;

  constructor(tree, ms, workers) {
    this.#tree = tree;
    this.#ms = ms;
    this.#workers = workers;
  }

  /** The files that pass without a mutant. */
  get files() {
    return Object.keys(this.#ms);
  }

  /** Runs files until the first failure; its name, 'no end', or undefined where all pass. */
  async firstFailure(files, { workers = this.#workers, env = {} } = {}) {
    const expectedMs = files.reduce((sum, file) => sum + this.#ms[file], 0) / workers;
    const result = await vitest(this.#tree, files, workers, {
      args: ['--bail=1', '--reporter=dot'],
      env,
      // A run that takes four times as long as without a mutant, and a minute, will not end.
      limitMs: 4 * expectedMs + 60_000,
    });
    return result.ok ? undefined : nameOfFailure(result);
  }
}

/**
 * Runs the tests of the copy once without a mutant, or takes what a run on the same files told.
 * @param files all files of the copy
 * @param options.tests names the only tests wanted
 * @param env of the run, where it is to tell more than times
 */
export async function measureTests(tree, files, { workers, tests }, say, env) {
  const chosen = files.filter(
    (file) => isTest(file) && (tests === undefined || tests.some((path) => file.startsWith(path))),
  );
  const known = env === undefined ? kept(tree, files) : {};
  const missing = chosen.filter((file) => known[file] === undefined);
  if (missing.length > 0) {
    say(`${missing.length} files of tests run once without a mutant`);
    Object.assign(known, await timed(tree, missing, workers, env));
    if (env === undefined) writeFileSync(KEPT, JSON.stringify({ of: digest(tree, files), known }));
  }
  const failing = chosen.filter((file) => known[file] === FAILS);
  for (const file of failing) say(`left out, it fails without a mutant: ${file}`);
  if (failing.length > 2 + chosen.length / 20)
    throw new Error(`${failing.length} files of tests fail without a mutant: run npm test`);
  const passing = chosen.filter((file) => !failing.includes(file));
  return new Tests(tree, Object.fromEntries(passing.map((file) => [file, known[file]])), workers);
}

const KEPT = join(CACHE, 'tests.json');
const FAILS = 'fails';

/** Milliseconds by file, or FAILS, of the last run on the same files. */
function kept(tree, files) {
  if (!existsSync(KEPT)) return {};
  const { of, known } = JSON.parse(readFileSync(KEPT, 'utf8'));
  return of === digest(tree, files) ? known : {};
}

function digest(tree, files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(tree, file)));
  return hash.digest('hex');
}

async function timed(tree, files, workers, env) {
  const report = join(CACHE, 'report.json');
  rmSync(report, { force: true });
  const result = await vitest(tree, files, workers, {
    args: ['--reporter=json', `--outputFile=${report}`],
    env,
  });
  if (!existsSync(report))
    throw new Error(`the tests do not run without a mutant:\n${result.output.slice(-4000)}`);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  return Object.fromEntries(
    testResults.map(({ name, status, startTime, endTime }) => [
      relative(tree, name),
      status === 'passed' ? Math.ceil(endTime - startTime) : FAILS,
    ]),
  );
}

const vitest = (tree, files, workers, { args, limitMs, env }) =>
  run(
    tree,
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config=scripts/mutate/vitest.config.ts',
      `--maxWorkers=${workers}`,
      ...args,
      ...files,
    ],
    { limitMs, env },
  );

/** The first failing test that vitest's output names. */
function nameOfFailure({ timedOut, output }) {
  if (timedOut) return 'no end';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes of colours
  const plain = output.replace(/\x1b\[[0-9;]*m/g, '');
  return (
    /FAIL\s+(.*)/.exec(plain)?.[1]?.trim().slice(0, 160) ??
    /(\w*Error:.*)/.exec(plain)?.[1]?.slice(0, 160) ??
    'ended badly'
  );
}

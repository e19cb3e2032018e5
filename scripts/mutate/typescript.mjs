/**
 * Tries mutants of TypeScript: Stryker makes the mutants and runs those of the sample, each with
 * the tests that reach it, in the copy. Tests that start processes run `dist`, where Stryker plants
 * nothing. So each survivor is planted and built again, and tried by those tests. Not here: which
 * mutants are tried (./sample.mjs).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { plant, run } from './tree.mjs';

const require = createRequire(import.meta.url);
const TSC = require.resolve('typescript/package.json').replace('package.json', 'bin/tsc');
const PLUGIN = new URL('./stryker-plugin.mjs', import.meta.url).pathname;

/** Every mutant that Stryker makes of the files under src/. */
export async function listTypeScript(tree, files) {
  const own = createRequire(require.resolve('@stryker-mutator/core'));
  const { Instrumenter } = await import(
    pathToFileURL(own.resolve('@stryker-mutator/instrumenter')).href
  );
  const silent = { debug() {}, info() {}, warn() {}, isDebugEnabled: () => false };
  const sources = files.filter((file) => /^src\/.*\.ts$/.test(file));
  const inputs = sources.map((file) => ({
    name: file,
    mutate: true,
    content: readFileSync(join(tree, file), 'utf8'),
  }));
  const { mutants } = await new Instrumenter(silent).instrument(inputs, {
    ignorers: [],
    excludedMutations: [],
    plugins: null,
  });
  const lineStarts = new Map(
    inputs.map(({ name, content }) => [
      name,
      [0, ...[...content.matchAll(/\n/g)].map(({ index }) => index + 1)],
    ]),
  );
  const texts = new Map(inputs.map(({ name, content }) => [name, content]));
  return mutants.map(({ fileName: file, location, replacement, mutatorName }) => {
    const offset = ({ line, column }) => lineStarts.get(file)[line] + column;
    const [start, end] = [offset(location.start), offset(location.end)];
    const original = texts.get(file).slice(start, end);
    const place = {
      file,
      line: location.start.line + 1,
      column: location.start.column,
      start,
      end,
      location,
    };
    return { ...place, original, mutated: replacement, kind: mutatorName };
  });
}

/** The mutants with type errors: `npm run typecheck` refuses them, so no test need notice them. */
export async function illTyped(tree, mutants) {
  if ((await filesWithTypeErrors(tree, [])).size > 0)
    throw new Error('types do not hold without any mutant');
  const invalid = [];
  // One mutant a file at a time, many files at once.
  let rest = [...mutants];
  while (rest.length > 0) {
    const files = new Set();
    const round = rest.filter(({ file }) => !files.has(file) && files.add(file));
    rest = rest.filter((mutant) => !round.includes(mutant));
    invalid.push(...(await illTypedRound(tree, round)));
  }
  return invalid;
}

async function illTypedRound(tree, round) {
  const wrong = await filesWithTypeErrors(tree, round);
  if (wrong.size === 0) return [];
  const named = round.filter(({ file }) => wrong.has(file));
  const suspects = named.length > 0 ? named : round;
  const invalid = [];
  for (const suspect of suspects)
    if ((await filesWithTypeErrors(tree, [suspect])).size > 0) invalid.push(suspect);
  if (invalid.length === 0 || suspects === round) return invalid;
  return [
    ...invalid,
    ...(await illTypedRound(
      tree,
      round.filter((mutant) => !invalid.includes(mutant)),
    )),
  ];
}

async function filesWithTypeErrors(tree, mutants) {
  const takeOut = mutants.map((mutant) => plant(tree, mutant));
  try {
    // Incremental: a mutant costs its own file and those that see its types, a quarter of the
    // whole.
    const options = [
      '--pretty',
      'false',
      '--incremental',
      '--tsBuildInfoFile',
      join(tree, '..', 'types.tsbuildinfo'),
    ];
    const { output } = await run(tree, process.execPath, [TSC, ...options]);
    return new Set([...output.matchAll(/^(\S+?)\(\d+,\d+\): error/gm)].map((match) => match[1]));
  } finally {
    for (const out of takeOut) out();
  }
}

/**
 * Tries mutants with Stryker; `tell(mutant, outcome)` hears of each as it is decided.
 * @param tests what ./tests.mjs knows of them
 */
export async function tryTypeScript(tree, mutants, tests, workers, tell) {
  const sampleFile = join(tree, '..', 'sample.json');
  const resultFile = join(tree, '..', 'stryker.jsonl');
  writeFileSync(sampleFile, JSON.stringify(mutants));
  writeFileSync(resultFile, '');
  const startProcesses = tests.files.filter((file) =>
    STARTS_PROCESSES.test(readFileSync(join(tree, file), 'utf8')),
  );
  const env = {
    BITPLANE_MUTATE_SAMPLE: sampleFile,
    BITPLANE_MUTATE_RESULTS: resultFile,
    BITPLANE_MUTATE_TESTS: JSON.stringify(
      tests.files.filter((file) => !startProcesses.includes(file)),
    ),
  };
  const options = strykerOptions(mutants, workers);
  const survivors = [];
  const heard = new Set();
  /** What Stryker has written since. */
  const hear = () => {
    const lines = readFileSync(resultFile, 'utf8').split('\n').filter(Boolean);
    for (const { index, status, by } of lines.map((line) => JSON.parse(line))) {
      if (heard.has(index)) continue;
      heard.add(index);
      if (status === 'Killed' || status === 'Timeout' || status === 'RuntimeError')
        tell(mutants[index], { verdict: 'caught', by });
      else survivors.push(mutants[index]);
    }
  };
  const timer = setInterval(hear, 2000);
  const stryker = await run(
    tree,
    process.execPath,
    ['--input-type=module', '-e', STRYKER, JSON.stringify(options)],
    { env },
  );
  clearInterval(timer);
  hear();
  if (!stryker.ok) throw new Error(`Stryker ended badly:\n${stryker.output.slice(-4000)}`);
  if (heard.size < mutants.length)
    throw new Error(`Stryker tried ${heard.size} of ${mutants.length} mutants`);
  for (const mutant of survivors)
    tell(mutant, await tryInProcesses(tree, mutant, startProcesses, tests));
}

const STARTS_PROCESSES = /child\.js|node:child_process|dist\//;

/** The program of Stryker's process. Its own failure is an exit code. */
const STRYKER = `
const { Stryker } = await import('@stryker-mutator/core');
await new Stryker(JSON.parse(process.argv[1])).runMutationTest();
`;

function strykerOptions(mutants, workers) {
  return {
    // Positions from 0 as the mutants have them, lines from 1 as Stryker reads them.
    mutate: mutants.map(
      ({ file, location: { start, end } }) =>
        `${file}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`,
    ),
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner', PLUGIN],
    reporters: ['sample'],
    coverageAnalysis: 'perTest',
    concurrency: workers,
    // The copy is there to be changed.
    inPlace: true,
    tempDirName: '.stryker',
    disableTypeChecks: false,
    // Stryker 9 reads TypeScript's configuration through an interface that TypeScript 7 lacks; a
    // file that is missing it does not read.
    tsconfigFile: 'missing.json',
    timeoutMS: 60_000,
    timeoutFactor: 3,
    dryRunTimeoutMinutes: 30,
    ignorePatterns: ['build', 'prebuilds'],
    vitest: { related: false, configFile: 'scripts/mutate/vitest.config.ts' },
    logLevel: 'warn',
  };
}

async function tryInProcesses(tree, mutant, files, tests) {
  if (files.length === 0) return { verdict: 'survived' };
  const takeOut = plant(tree, mutant);
  const build = () => run(tree, process.execPath, ['scripts/build-ts.mjs']);
  try {
    if (!(await build()).ok) return { verdict: 'caught', by: 'dist is not built' };
    const by = await tests.firstFailure(files);
    return by ? { verdict: 'caught', by } : { verdict: 'survived' };
  } finally {
    takeOut();
    await build();
  }
}

/**
 * The mutants of TypeScript, which are Stryker's, and which of them have type errors. Not here:
 * trying them (./switches.mjs), and which are tried (./sample.mjs).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { plant, run } from './tree.mjs';

const require = createRequire(import.meta.url);
const TSC = require.resolve('typescript/package.json').replace('package.json', 'bin/tsc');

/**
 * Stryker's answer to files { name, mutate, content }: the mutants in the ranges `mutate` (true for
 * all), and the files with all of them in place, each behind a switch.
 */
export async function instrument(inputs) {
  const { Instrumenter } = await stryker();
  const silent = { debug() {}, info() {}, warn() {}, isDebugEnabled: () => false };
  return await new Instrumenter(silent).instrument(inputs, OPTIONS);
}

/** A file of TypeScript without checks of its types. */
export async function withoutTypes(file) {
  const { disableTypeChecks } = await stryker();
  return await disableTypeChecks(file, OPTIONS);
}

const OPTIONS = { ignorers: [], excludedMutations: [], plugins: null };

async function stryker() {
  const own = createRequire(require.resolve('@stryker-mutator/core'));
  return await import(pathToFileURL(own.resolve('@stryker-mutator/instrumenter')).href);
}

/** Every mutant that Stryker makes of the files under src/. */
export async function listTypeScript(tree, files) {
  const sources = files.filter((file) => /^src\/.*\.ts$/.test(file));
  const inputs = sources.map((file) => ({
    name: file,
    mutate: true,
    content: readFileSync(join(tree, file), 'utf8'),
  }));
  const { mutants } = await instrument(inputs);
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

/**
 * Tries mutants of TypeScript: all of a sample are in the code at once, each behind a switch that a
 * variable of the environment turns, so that tests that run `dist` in processes of their own see
 * them too and nothing is built between two mutants. One run without a mutant tells which tests
 * reach which switch (./reach-process.mjs, ./reach-test.mjs); a mutant is tried by those only, the
 * nearest first. Not here: which mutants there are (./typescript.mjs).
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { measureTests } from './tests.mjs';
import { CACHE, run } from './tree.mjs';
import { instrument, withoutTypes } from './typescript.mjs';

/** Stryker's name for the variable that turns a switch. */
const ACTIVE = '__STRYKER_ACTIVE_MUTANT__';

/**
 * Tries mutants; `tell(mutant, outcome)` hears of each as it is decided.
 * @param files all files of the copy
 * @returns what is known of the tests
 */
export async function trySwitched(tree, files, mutants, options, say, tell) {
  const { numbers, takeOut } = await plantSwitches(tree, mutants);
  process.on('exit', takeOut);
  try {
    await build(tree);
    const reach = join(CACHE, 'reach');
    rmSync(reach, { recursive: true, force: true });
    mkdirSync(reach, { recursive: true });
    const hook = pathToFileURL(join(tree, 'scripts/mutate/reach-process.mjs'));
    const env = { NODE_OPTIONS: `--import ${hook.href}`, BITPLANE_REACH: reach };
    const tests = await measureTests(tree, files, options, say, env);
    const reached = readReach(reach);
    const open = [...mutants];
    await Promise.all(
      Array.from({ length: options.workers }, async () => {
        for (let mutant = open.shift(); mutant; mutant = open.shift())
          tell(mutant, await tryOne(mutant, numbers.get(mutant), tests, reached));
      }),
    );
    return tests;
  } finally {
    takeOut();
    process.off('exit', takeOut);
    await build(tree);
  }
}

async function tryOne({ file }, number, tests, reached) {
  const reaching = tests.files.filter((test) => reached.get(test)?.has(number));
  const near = `test/${file.split('/')[1]}/`;
  const isNear = (test) => test.startsWith(near);
  const stages = [reaching.filter(isNear), reaching.filter((test) => !isNear(test))];
  for (const stage of stages) {
    if (stage.length === 0) continue;
    const by = await tests.firstFailure(stage, { workers: 1, env: { [ACTIVE]: number } });
    if (by) return { verdict: 'caught', by };
  }
  return { verdict: 'survived', ...(reaching.length === 0 && { by: 'no test reaches it' }) };
}

/** Writes the files with switches; returns each mutant's number, and what takes them out again. */
async function plantSwitches(tree, mutants) {
  const names = [...new Set(mutants.map(({ file }) => file))];
  const texts = new Map(names.map((name) => [name, readFileSync(join(tree, name), 'utf8')]));
  const { files, mutants: planted } = await instrument(
    names.map((name) => ({
      name,
      content: texts.get(name),
      mutate: mutants.filter(({ file }) => file === name).map(({ location }) => location),
    })),
  );
  const key = (file, { start, end }, replacement) =>
    JSON.stringify([file, start.line, start.column, end.line, end.column, replacement]);
  const ids = new Map(
    planted.map(({ id, fileName, location, replacement }) => [
      key(fileName, location, replacement),
      id,
    ]),
  );
  const numbers = new Map();
  for (const mutant of mutants) {
    const id = ids.get(key(mutant.file, mutant.location, mutant.mutated));
    if (id === undefined) throw new Error(`no switch for a mutant of ${mutant.file}`);
    numbers.set(mutant, id);
  }
  for (const file of files)
    writeFileSync(join(tree, file.name), (await withoutTypes(file)).content);
  const takeOut = () => {
    for (const [name, text] of texts) writeFileSync(join(tree, name), text);
  };
  return { numbers, takeOut };
}

async function build(tree) {
  const { ok, output } = await run(tree, process.execPath, ['scripts/build-ts.mjs']);
  if (!ok) throw new Error(`dist is not built:\n${output.slice(-4000)}`);
}

/** By test file, the switches that it and its processes reached. */
function readReach(folder) {
  const reached = new Map();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const test = join(dirname(path), entry.name).slice(folder.length + 1);
    reached.set(test, new Set(readFileSync(path, 'utf8').split('\n').filter(Boolean)));
  }
  return reached;
}

#!/usr/bin/env node
/**
 * Mutation testing: plants small faults one at a time in a copy of the repository and counts those
 * that a test of `npm test` notices. TypeScript's mutants are Stryker's, C++'s our own (./mutate/).
 * Mutants that do not compile, or compile to the same machine code, are drawn again. Not part of
 * CI: a sample of 200 takes about an hour.
 *
 *   npm run mutate -- [FOLDER] [--sample N] [--seed S] [--tests PATH ...] [--workers W]
 *                     [--resume | --survivors] [--json]
 *
 * Without FOLDER (src/formats, native/kernels/map ...) the sample is spread over all folders by
 * their lines, 30 % of it over native ones. Verdicts are kept in the cache folder, one file a seed:
 * --resume goes on where a run stopped, or draws more (a larger sample holds the smaller ones of
 * its seed), --survivors tries the survivors again. --tests runs only those tests (test/formats),
 * to see in minutes what a folder's own tests notice. Tests run without BITPLANE_DATA.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, setPriority } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listNative, NativeTrial } from './mutate/native.mjs';
import { printSummary, summary } from './mutate/report.mjs';
import { allot, nameOf, ordered, seeded } from './mutate/sample.mjs';
import { trySwitched } from './mutate/switches.mjs';
import { measureTests } from './mutate/tests.mjs';
import { CACHE, prepareTree } from './mutate/tree.mjs';
import { illTyped, listTypeScript } from './mutate/typescript.mjs';

const say = (text) => process.stderr.write(`mutate: ${text}\n`);

async function main(argv) {
  const options = parse(argv);
  setPriority(10);
  const store = openStore(options);
  say('bringing the copy up to date and building it');
  const { tree, files: all } = prepareTree();
  const files = all.filter((file) => !options.folder || file.startsWith(`${options.folder}/`));
  const mutants = [...(await listTypeScript(tree, files)), ...listNative(tree, files)];
  if (mutants.length === 0)
    throw new Error(`expected a folder under src or native but received ${options.folder}`);
  const folders = byFolder(tree, mutants, options.seed);
  const shares = allot(
    options.sample,
    Object.fromEntries(Object.entries(folders).map(([name, { lines }]) => [name, lines])),
  );
  const draws = Object.entries(shares).map(([name, count]) => ({
    name,
    count,
    candidates: folders[name].candidates,
  }));
  say(
    `${mutants.length} mutants in ${draws.length} folders, ${options.sample} to be tried; ` +
      `verdicts in ${store.path}`,
  );

  const within = (language) => draws.filter(({ name }) => name.startsWith(`${language}/`));
  const known = await decideTypeScript(tree, all, within('src'), store, options);
  await decideNative(tree, all, within('native'), store, options, known);

  const decided = draws.flatMap(({ name, count, candidates }) =>
    drawn(candidates, count, store).map((mutant) => ({
      mutant,
      folder: name,
      ...store.of(mutant),
    })),
  );
  const lines = new Map();
  const lineOf = ({ file, line }) => {
    if (!lines.has(file)) lines.set(file, readFileSync(join(tree, file), 'utf8').split('\n'));
    return lines.get(file)[line - 1];
  };
  const { folder = 'all folders', sample, seed, tests = 'all' } = options;
  const result = { folder, sample, seed, tests, ...summary(decided, lineOf) };
  console.log(options.json ? JSON.stringify(result, undefined, 2) : printSummary(result));
}

function parse(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      sample: { type: 'string' },
      seed: { type: 'string', default: '1' },
      tests: { type: 'string', multiple: true },
      workers: { type: 'string', default: String(availableParallelism()) },
      resume: { type: 'boolean', default: false },
      survivors: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length > 1)
    throw new Error(`expected one folder but received ${positionals.join(' ')}`);
  const folder = positionals[0]?.replace(/^\.\/|\/+$/g, '');
  const whole = (name, text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < 1)
      throw new Error(`--${name}: expected a whole number from 1 on but received ${text}`);
    return value;
  };
  const sample = whole('sample', values.sample ?? (folder ? '50' : '200'));
  return {
    ...values,
    folder,
    sample,
    seed: whole('seed', values.seed),
    workers: whole('workers', values.workers),
  };
}

/**
 * The verdicts of a seed (by some tests, where --tests names them), appended to its file as they
 * fall.
 */
function openStore({ seed, tests, resume, survivors }) {
  const only = (tests ?? []).map((path) => `-${path.replaceAll('/', '.')}`).join('');
  const path = join(CACHE, `seed-${seed}${only}.jsonl`);
  mkdirSync(CACHE, { recursive: true });
  const verdicts = new Map();
  if ((resume || survivors) && existsSync(path)) {
    for (const line of readFileSync(path, 'utf8').split('\n').filter(Boolean)) {
      const { name, ...outcome } = JSON.parse(line);
      if (!(survivors && outcome.verdict === 'survived')) verdicts.set(name, outcome);
      else verdicts.delete(name);
    }
  } else if (existsSync(path)) renameSync(path, `${path}.old`);
  writeFileSync(
    path,
    [...verdicts].map(([name, outcome]) => `${JSON.stringify({ name, ...outcome })}\n`).join(''),
  );
  return {
    path,
    of: (mutant) => verdicts.get(nameOf(mutant)),
    add(mutant, outcome) {
      const name = nameOf(mutant);
      verdicts.set(name, outcome);
      appendFileSync(path, `${JSON.stringify({ name, ...outcome })}\n`);
      if (outcome.verdict !== 'compiles')
        say(`${outcome.verdict.padEnd(8)}  ${name}${outcome.by ? `  (${outcome.by})` : ''}`);
    },
  };
}

/** Each folder's code lines, and its mutants in the order in which they are tried. */
function byFolder(tree, mutants, seed) {
  const folders = {};
  for (const mutant of mutants) {
    const name = mutant.file.split('/').slice(0, 2).join('/');
    folders[name] ??= { files: new Set(), mutants: [] };
    folders[name].files.add(mutant.file);
    folders[name].mutants.push(mutant);
  }
  return Object.fromEntries(
    Object.entries(folders)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { files, mutants: all }]) => {
        const lines = [...files].reduce(
          (sum, file) => sum + readFileSync(join(tree, file), 'utf8').match(/^.*\S/gm).length,
          0,
        );
        return [name, { lines, candidates: ordered(all, seeded(`${seed} ${name}`)) }];
      }),
  );
}

/** The first `count` candidates that are not invalid, as far as is known. */
function drawn(candidates, count, store) {
  return candidates.filter((mutant) => store.of(mutant)?.verdict !== 'invalid').slice(0, count);
}

/** Returns what it has learnt of the tests. */
async function decideTypeScript(tree, files, draws, store, options) {
  for (;;) {
    // Half of all mutants are refused by their types, so twice as many are looked at as are
    // missing.
    const unknown = draws.flatMap(({ count, candidates }) => {
      const missing = drawn(candidates, count, store).filter((mutant) => !store.of(mutant)).length;
      return candidates.filter((mutant) => !store.of(mutant)).slice(0, 2 * missing);
    });
    if (unknown.length === 0) break;
    say(`types of ${unknown.length} mutants`);
    const invalid = new Set(await illTyped(tree, unknown));
    for (const mutant of unknown)
      store.add(
        mutant,
        invalid.has(mutant) ? { verdict: 'invalid', by: 'types' } : { verdict: 'compiles' },
      );
  }
  const open = draws.flatMap(({ count, candidates }) =>
    drawn(candidates, count, store).filter((mutant) => store.of(mutant).verdict === 'compiles'),
  );
  if (open.length === 0) return undefined;
  say(`${open.length} mutants of TypeScript`);
  return await trySwitched(tree, files, open, options, say, (mutant, outcome) =>
    store.add(mutant, outcome),
  );
}

async function decideNative(tree, files, draws, store, options, known) {
  const open = ({ count, candidates }) =>
    drawn(candidates, count, store).find((mutant) => !store.of(mutant));
  if (!draws.some(open)) return;
  const tests = known ?? (await measureTests(tree, files, options, say));
  const trial = new NativeTrial(tree, tests, options.workers);
  for (const draw of draws)
    for (let mutant = open(draw); mutant; mutant = open(draw))
      store.add(mutant, await trial.try(mutant));
}

// Each mutant that is planted listens for the end.
process.setMaxListeners(0);
// Leaving by `exit` takes the processes that were started along.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    say(`ended by ${signal}`);
    process.exit(130);
  });
main(process.argv.slice(2)).catch((error) => {
  say(error.message);
  process.exitCode = 1;
});

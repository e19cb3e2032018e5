#!/usr/bin/env node
/**
 * Tests failures of the system. Every allocation, thread and lock of the addon and every call on a
 * model's files fails in its turn, once alone and once together with all later ones. Then come full
 * disks, folders that take no files, and kills during saves. Exit code 1 if the process crashed or
 * hung, a result was wrong, a file was torn, or an error was no BitplaneError. Linux with glibc and
 * a C compiler. Not here: how a call is made to fail (faults/inject.c), what is done meanwhile
 * (faults/child.mjs).
 *
 *   node scripts/faults.mjs [--only memory,load,thread,lock,files,disk,kills]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { noCounts } from './faults/counts.mjs';
import { disks } from './faults/disks.mjs';
import { Sweep } from './faults/sweep.mjs';

const here = join(dirname(fileURLToPath(import.meta.url)), 'faults');
const KILLS = 100;
const { EIO, ENOSPC, EACCES, EMFILE } = constants.errno;

/**
 * The sweeps: kind of call, how it fails, and the expected error. `documented` calls end the
 * process: the first allocation of all is the 72 KB that the C++ library sets aside for exceptions
 * when it is loaded; without it, and without any memory later, it can throw none.
 */
const SWEEPS = [
  { kind: 'memory', name: 'an allocation' },
  { kind: 'memory', name: 'all allocations from one on', lasting: true },
  { kind: 'load', arms: 'memory', name: 'an allocation from loading on' },
  {
    kind: 'load',
    arms: 'memory',
    name: 'all allocations from loading on',
    lasting: true,
    documented: [1],
  },
  { kind: 'thread', name: 'a thread' },
  { kind: 'thread', name: 'all threads from one on', lasting: true },
  { kind: 'lock', name: 'a lock' },
  { kind: 'files', name: 'a file call: input or output error', error: EIO },
  { kind: 'files', name: 'all file calls from one on: no space', error: ENOSPC, lasting: true },
  { kind: 'files', name: 'a file call: not permitted', error: EACCES },
  { kind: 'files', name: 'a file call: too many open files', error: EMFILE },
  { kind: 'files', name: 'a read or write does half', error: 0 },
];

async function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const wanted = values.only?.split(',');
  const wants = (kind) => wanted === undefined || wanted.includes(kind);
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-faults-'));
  const rows = [];
  try {
    const library = join(folder, 'inject.so');
    const compiler = process.env.CC ?? 'cc';
    const compiled = spawnSync(
      compiler,
      ['-shared', '-fPIC', '-O1', '-o', library, join(here, 'inject.c'), '-ldl'],
      { stdio: 'inherit' },
    );
    if (compiled.status !== 0)
      throw new Error(
        'inject.c could not be compiled: this needs Linux with glibc and a C compiler',
      );
    for (const options of SWEEPS.filter(({ kind }) => wants(kind))) {
      process.stderr.write(`${options.name} ...\n`);
      rows.push(
        await new Sweep(options, { folder, library, child: join(here, 'child.mjs') }).run(),
      );
    }
    if (wants('disk')) rows.push(...(await disks(join(here, 'child.mjs'), folder)));
    if (wants('kills')) rows.push(kills());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.table(Object.fromEntries(rows.map(({ name, problems, ...counts }) => [name, counts])));
  const problems = rows.flatMap(({ name, problems }) =>
    problems.map((problem) => `${name}: ${problem}`),
  );
  for (const problem of problems) console.log(problem);
  console.log(
    problems.length === 0 ? 'no crash, no hang, no wrong result' : `${problems.length} problems`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}

/** Kills in the middle of saves: a process of its own, that prints its counts. */
function kills() {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [join(here, 'kill-saves.mjs'), '--kills', String(KILLS), '--json'],
    {
      encoding: 'utf8',
    },
  );
  const counts = { ...noCounts(), swept: KILLS };
  const problems = status === 0 ? [] : [`${stdout}${stderr}`.slice(-1000)];
  if (status !== 0) return { name: 'kills during saves', ...counts, wrong: 1, problems };
  const seen = JSON.parse(stdout.trim().split('\n').at(-1));
  return {
    name: 'kills during saves',
    ...counts,
    swept: seen.kills,
    right: seen.kills,
    leftovers: seen.mostLeftovers,
    problems,
  };
}

await main();

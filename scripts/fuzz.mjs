#!/usr/bin/env node
/**
 * Tries mutated files on every reader, guided by the code that they reach; a model that loads also
 * runs, on every instruction set and in every mode. A finding is a crash, a hang, too much memory
 * or time, an error that is no BitplaneError, or two runs that differ. Each finding is made small
 * and kept. Exit code 1 if there are findings. Not here: one input (fuzz/try.mjs), the loop over
 * them (fuzz/child.mjs).
 *
 *   node scripts/fuzz.mjs [--time SECONDS] [--reader NAME,...] [--seed N]
 *                         [--keep FOLDER] [--report FILE]
 *
 * --reader: some of onnx, safetensors, npy, idx, cifar, recipe, picture, program; default all.
 * --keep: where findings go; default a folder of the system's temporary ones. --report: a JSON file
 * that the counts are added to; without --seed the run then goes on with the seed after the last
 * one in it, so that many short runs make a long one.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { Findings } from './fuzz/findings.mjs';
import { watch } from './fuzz/watch.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const READERS = ['onnx', 'safetensors', 'npy', 'idx', 'cifar', 'recipe', 'picture', 'program'];

async function main() {
  const { values } = parseArgs({
    options: {
      time: { type: 'string', default: '60' },
      reader: { type: 'string', default: READERS.join() },
      seed: { type: 'string' },
      keep: { type: 'string', default: join(tmpdir(), 'bitplane-findings') },
      report: { type: 'string' },
    },
  });
  const readers = values.reader.split(',');
  for (const reader of readers)
    if (!READERS.includes(reader))
      throw new Error(`expected a reader of ${READERS.join()} but received ${reader}`);
  const child = join(root, 'build', 'fuzz', 'child.mjs');
  await bundle(child);
  const report = readReport(values.report);
  // In memory where the system has such a place: some readers take files.
  const folder = mkdtempSync(
    join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bitplane-fuzz-'),
  );
  mkdirSync(values.keep, { recursive: true });
  const findings = new Findings(values.keep, child, folder);
  const begin = performance.now();
  const end = begin + Number(values.time) * 1000;
  const before = { seconds: report.seconds, findings: { ...report.findings } };
  let seed = Number(values.seed ?? report.nextSeed);
  try {
    for (; performance.now() < end; seed++) {
      const job = { seed, readers, state: join(folder, 'state'), folder };
      const result = await watch(child, job, end, (line) => take(line, report, findings));
      if (result.problem !== undefined) await findings.ofProcess(result);
      report.nextSeed = seed + 1;
      report.seconds = before.seconds + Math.round((performance.now() - begin) / 1000);
      report.findings = { ...before.findings };
      for (const [kind, count] of findings.counts)
        report.findings[kind] = (before.findings[kind] ?? 0) + count;
      // After every child: what a long run has tried so far stays counted, however it ends.
      if (values.report !== undefined) writeReport(values.report, report);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  print(report, findings);
  process.exitCode = findings.counts.size === 0 ? 0 : 1;
}

/** One file, so that the counters of V8 see one script; packages stay outside. */
async function bundle(outfile) {
  await build({
    absWorkingDir: root,
    entryPoints: ['scripts/fuzz/child.mjs'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    keepNames: true,
    logLevel: 'warning',
  });
}

function writeReport(path, report) {
  writeFileSync(`${path}.new`, `${JSON.stringify(report, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
}

function readReport(path) {
  const fresh = { nextSeed: 1, seconds: 0, readers: {}, findings: {} };
  if (path === undefined) return fresh;
  try {
    return { ...fresh, ...JSON.parse(readFileSync(path, 'utf8')) };
  } catch (error) {
    if (error.code === 'ENOENT') return fresh;
    throw error;
  }
}

function take(line, report, findings) {
  if (line.finding !== undefined) findings.keep(line.finding);
  if (line.again !== undefined) findings.again(line.again);
  for (const [reader, counts] of Object.entries(line.counts ?? {})) {
    report.readers[reader] ??= { files: 0, loaded: 0, ran: 0, large: 0 };
    for (const [name, count] of Object.entries(counts)) report.readers[reader][name] += count;
  }
  if (line.reached !== undefined) report.reached = Math.max(report.reached ?? 0, line.reached);
}

function print(report, findings) {
  console.table(report.readers);
  const total = Object.values(report.readers).reduce((sum, { files }) => sum + files, 0);
  const models = ['onnx', 'safetensors'].reduce(
    (sum, reader) => sum + (report.readers[reader]?.files ?? 0),
    0,
  );
  console.log(
    `${total} files, ${models} of them models, ${Math.round(total / report.seconds)} a second; ` +
      `${report.reached ?? 0} characters of code newly reached`,
  );
  for (const [kind, count] of findings.counts) console.log(`${count} x ${kind}`);
  console.log(
    findings.counts.size === 0
      ? 'no findings'
      : `${findings.counts.size} kinds of findings, kept in ${findings.folder}`,
  );
}

await main();

#!/usr/bin/env node
/**
 * Runs the ONNX project's own tests of its operators, those of its package `onnx` (on Debian
 * libonnx-testdata), against the importer and sessions of the sources. A test passes where every
 * output has the expected type, shape and numbers: integers and truth values exactly, floats to
 * onnx's own rtol 1e-3 and atol 1e-7. Not here: one test (onnx-backend/try.mjs), which ops and
 * types count (onnx-backend/listed.mjs).
 *
 *   node scripts/onnx-backend.mjs [--data FOLDER] [--name PATTERN] [--all] [--least SHARE]
 *
 * --data: a folder with a folder a test, with model.onnx and test_data_set_0 in it. --name: only
 * tests whose names match. --all: prints every test. --least: exit code 1 where a smaller share of
 * the tests of listed ops passes, in percent.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { GROUPS, groupOf } from './onnx-backend/listed.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const PLACES = [
  '/usr/share/libonnx-testdata/data/node',
  '/usr/lib/python3/dist-packages/onnx/backend/test/data/node',
];

async function main() {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      name: { type: 'string', default: '' },
      all: { type: 'boolean', default: false },
      least: { type: 'string', default: '0' },
    },
  });
  const data = values.data ?? PLACES.find((place) => existsSync(place));
  if (data === undefined) {
    console.error('No tests of onnx: apt-get install libonnx-testdata, or --data FOLDER.');
    process.exitCode = 1;
    return;
  }
  const pattern = new RegExp(values.name);
  const names = readdirSync(data).filter(
    (name) => pattern.test(name) && existsSync(join(data, name, 'model.onnx')),
  );
  const { attempt } = await bundled();
  const results = [];
  for (const name of names.sort()) {
    const result = { name, ...(await attempt(join(data, name))) };
    results.push({ ...result, group: groupOf(result) });
    if (values.all)
      console.log(
        `${result.outcome} (${result.constants}) ${name}  ${result.reason ?? result.asFed ?? ''}`,
      );
  }
  const share = print(results);
  if (share < Number(values.least)) process.exitCode = 1;
}

async function bundled() {
  const outfile = join(root, 'build', 'onnx-backend', 'try.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: ['scripts/onnx-backend/try.mjs'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  });
  return import(pathToFileURL(outfile).href);
}

/** @returns the share of the tests of listed ops that pass, in percent */
function print(results) {
  for (const [group, title] of Object.entries(GROUPS)) {
    const own = results.filter((result) => result.group === group);
    const passed = own.filter(({ outcome }) => outcome === 'passed');
    const rest = own.filter(({ outcome }) => outcome !== 'passed');
    console.log(`\n${title}: ${passed.length} of ${own.length} passed`);
    const counted = (holds) => passed.filter(({ constants }) => constants === holds).length;
    const [some, all] = [counted('some'), counted('all')];
    if (some + all > 0)
      console.log(`  ${some} of them with operands as constants, ${all} with all operands so`);
    for (const [reason, names] of grouped(rest))
      console.log(`  ${reason}\n      ${names.join(' ')}`);
  }
  const listed = results.filter(({ group }) => group === 'listed');
  const passed = listed.filter(({ outcome }) => outcome === 'passed').length;
  const share = listed.length === 0 ? 100 : (100 * passed) / listed.length;
  console.log(`\nlisted ops: ${passed} of ${listed.length} passed, ${share.toFixed(1)} %`);
  return share;
}

/** The names of tests by why they did not pass. */
function grouped(results) {
  const reasons = new Map();
  for (const { name, outcome, reason } of results) {
    const line = `${outcome}: ${reason}`;
    reasons.set(line, [...(reasons.get(line) ?? []), name]);
  }
  return [...reasons].sort(([a], [b]) => (a < b ? -1 : 1));
}

await main();

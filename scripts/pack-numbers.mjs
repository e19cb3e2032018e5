#!/usr/bin/env node
/**
 * Measures the package that users get, beside its goals: sizes, installation, cold start. Not here:
 * whether it works (test/package). Run `npm run prebuilds` first.
 *
 *   node scripts/pack-numbers.mjs [--json] [--strict]     --strict: exit code 1 if a goal is missed
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitplane-numbers-')));
/** Other processes only make a start slower, so the fastest of many starts counts. */
const STARTS = 25;

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: command.endsWith('.cmd'),
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const npm = (cwd, ...args) => run(windows ? 'npm.cmd' : 'npm', args, cwd);
const node = (...args) => run(process.execPath, args, folder);

function bytesIn(path) {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** The fastest `import` and `Session.create` of a fresh process, milliseconds. */
function coldStart(model) {
  const code = `
    const began = performance.now();
    const { Session } = await import('bitplane');
    const imported = performance.now();
    await Session.create(${JSON.stringify(model)});
    console.log(JSON.stringify([imported - began, performance.now() - began]));`;
  const starts = Array.from({ length: STARTS }, () =>
    JSON.parse(node('--input-type=module', '-e', code)),
  );
  return [0, 1].map((part) => Math.min(...starts.map((start) => start[part])));
}

function measure() {
  npm(root, 'pack', '--pack-destination', folder);
  const tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz')),
  );
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  const began = performance.now();
  npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball);
  const seconds = (performance.now() - began) / 1000;
  const installed = join(folder, 'node_modules', 'bitplane');
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  cpSync(
    join(root, 'test', 'package', 'programs', 'make-model.mjs'),
    join(folder, 'make-model.mjs'),
  );
  node('make-model.mjs');
  const model = join(folder, 'model.safetensors');
  const [imported, started] = coldStart(model);
  return [
    { what: 'tarball, packed', value: statSync(tarball).size / 1e6, unit: 'MB', goal: 3 },
    { what: 'tarball, unpacked', value: bytesIn(installed) / 1e6, unit: 'MB', goal: 10 },
    { what: 'cold import', value: imported, unit: 'ms' },
    {
      what: `cold import + Session.create, model of ${(statSync(model).size / 1e6).toFixed(1)} MB`,
      value: started,
      unit: 'ms',
      goal: 80,
    },
    { what: 'install of the tarball', value: seconds, unit: 's', goal: 10 },
    { what: 'runtime dependencies', value: Object.keys(dependencies).length, unit: '', goal: 5 },
  ];
}

try {
  const rows = measure();
  if (process.argv.includes('--json')) console.log(JSON.stringify(rows, null, 2));
  else {
    for (const { what, value, unit, goal } of rows) {
      const measured = `${unit === '' ? value : value.toFixed(2)} ${unit}`.trim();
      const aim = goal === undefined ? '' : `goal ≤ ${goal} ${unit}`.trim();
      console.log(`${what.padEnd(56)} ${measured.padStart(10)}   ${aim}`);
    }
  }
  if (
    process.argv.includes('--strict') &&
    rows.some(({ value, goal }) => value > (goal ?? Number.POSITIVE_INFINITY))
  )
    process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

#!/usr/bin/env node
/**
 * Prints the table of Bae and Bae, "Improved Adapting a Single Network to Multiple Tasks By Bit
 * Plane Slicing and Dithering", on two networks of one architecture: separate, classifier only,
 * Piggyback, PackNet, bit fusion, improved bit fusion, and the fewest bits that are enough. Each
 * row is a call of `bitplane`, which anyone can repeat. Not here: what fusing is (src/fusion),
 * training the stores of the first rows (`bitplane train`).
 *
 *   node scripts/fusion-table.mjs [--n 2000] [--models DIR] [--data DIR] [--work DIR]
 *     [--classifier STORE] [--piggyback STORE] [--packnet STORE] [--only PATTERN] [--threads N]
 *
 * --n counts test pictures of each task; without it all are taken. --models is a folder with
 * resnet18-cifar100 and resnet18-cifar10, default $BITPLANE_DATA/models. What is measured is kept
 * in the folder --work, default fusion-table, so that a stopped table goes on. A row without its
 * store says so. --only takes the rows whose names it matches, a regular expression.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const CLI = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'cli', 'main.js');
const TASKS = ['cifar100', 'cifar10'];
/** Bits of mantissa that half precision does not have; the networks' weights were rounded to it. */
const LOW_BITS = 13;

const text = { type: 'string' };
const { values: flags } = parseArgs({
  options: {
    ...{ n: text, models: text, data: text, work: text, threads: text, only: text },
    ...{ classifier: text, piggyback: text, packnet: text },
  },
});
const data = flags.data ?? process.env.BITPLANE_DATA;
if (data === undefined) throw new Error('expected --data DIR, or BITPLANE_DATA in the environment');
const folder = flags.models ?? join(data, 'models');
const work = flags.work ?? 'fusion-table';
mkdirSync(work, { recursive: true });
const only = new RegExp(flags.only ?? '');
const threads = flags.threads === undefined ? [] : ['--threads', flags.threads];
const limit = flags.n === undefined ? [] : ['--limit', flags.n];
const models = TASKS.map((task) => {
  const stem = join(folder, `resnet18-${task}.onnx`);
  return existsSync(stem) ? stem : `${stem}.gz`;
});

/** Answers of earlier calls, by their arguments. */
const keptAt = join(work, 'table.json');
const kept = existsSync(keptAt) ? JSON.parse(readFileSync(keptAt, 'utf8')) : {};

function bitplane(args) {
  const key = args.join(' ');
  if (kept[key] !== undefined) return kept[key];
  process.stderr.write(`bitplane ${key}\n`);
  const { status, stdout } = spawnSync(process.execPath, [CLI, ...args, '--json'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const document = JSON.parse(stdout || '{}');
  if (status !== 0) throw new Error(document.error?.message ?? `bitplane ${key} failed`);
  kept[key] = document;
  writeFileSync(`${keptAt}.part`, JSON.stringify(kept));
  renameSync(`${keptAt}.part`, keptAt);
  return document;
}

/** The networks with their lowest bits drawn, as trained ones have them. */
function withLowBits() {
  return models.map((model, i) => {
    const out = join(work, `low-bits-${TASKS[i]}.safetensors`);
    if (existsSync(out)) return out;
    bitplane(['convert', model, `${out}.safetensors`]);
    const file = readFileSync(`${out}.safetensors`);
    const begin = 8 + Number(file.readBigUInt64LE(0));
    let state = i + 1;
    for (const [name, entry] of Object.entries(JSON.parse(file.subarray(8, begin)))) {
      if (name === '__metadata__' || entry.dtype !== 'F32' || entry.shape.length < 2) continue;
      const [from, to] = entry.data_offsets;
      for (let at = begin + from; at < begin + to; at += 4) {
        // Numerical Recipes' generator; its upper bits are the random ones.
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const low = state >>> (32 - LOW_BITS);
        const word = file.readUInt32LE(at);
        // An exact zero stays one.
        if (word << 1 !== 0) file.writeUInt32LE((word | low) >>> 0, at);
      }
    }
    writeFileSync(`${out}.part`, file);
    renameSync(`${out}.part`, out);
    return out;
  });
}

/** Both tasks of a store as a row has them. */
function trained(store, option) {
  return () => {
    if (store === undefined) return { why: `no --${option} STORE` };
    const { sizes } = bitplane(['inspect', store]);
    const both = TASKS.map((task) => {
      const of = ['--task', task, '--dataset', task, '--data', data, ...limit, ...threads];
      return { fused: bitplane(['eval', store, ...of]) };
    });
    return { both, sizes };
  };
}

function fused(options, { from = () => models } = {}) {
  return () => {
    const named = TASKS.flatMap((task) => ['--task', `${task}=${task}`]);
    const out = ['-o', join(work, 'store.safetensors'), '--data', data];
    const { tasks, sizes, bits } = bitplane([
      ...['fuse', ...from(), ...out, ...named, ...options, ...limit, ...threads],
    ]);
    return { both: tasks, sizes, bits };
  };
}

const bfp = (bits, ...more) => ['--method', 'bfp', '--bits', bits, ...more];
const ieee = (bits, ...more) => ['--method', 'ieee754', '--bits', bits, ...more];
const auto = (...more) => bfp('auto', '--tolerance', '0.2', ...more);

function separate() {
  const { both, sizes } = fused(bfp('12,11'))();
  const { separateFloats: total } = sizes;
  const floats = both.map(({ float }) => ({ fused: float }));
  return { both: floats, sizes: { total, bitsPerSharedWeight: 64 } };
}

const DITHERS = { noise: 'kept', mask: 'masked off', random: 'random' };
const dithered = Object.entries(DITHERS).flatMap(([dither, name]) =>
  ['13,10', '16,4'].map((bits) => [
    `bit fusion, p and q ${bits}, low bits ${name}`,
    fused(ieee(bits, '--dither', dither)),
  ]),
);
const ROWS = [
  ['separate networks', separate],
  ['classifier only', trained(flags.classifier, 'classifier')],
  ['Piggyback', trained(flags.piggyback, 'piggyback')],
  ['PackNet', trained(flags.packnet, 'packnet')],
  ...dithered,
  ...dithered.map(([name, _], i) => [
    `${name}; weights' low 13 bits drawn`,
    fused(ieee(i % 2 === 0 ? '13,10' : '16,4', '--dither', Object.keys(DITHERS)[i >> 1]), {
      from: withLowBits,
    }),
  ]),
  ['improved bit fusion, n and m 12,11', fused(bfp('12,11'))],
  ['the same, truncated', fused(bfp('12,11', '--rounding', 'truncate'))],
  ['the same, low bits kept', fused(bfp('12,11', '--dither', 'noise'))],
  ['the same, low bits random', fused(bfp('12,11', '--dither', 'random'))],
  ['auto, an exponent a tensor', fused(auto())],
  ['the same, truncated', fused(auto('--rounding', 'truncate'))],
  ['auto, an exponent a channel', fused(auto('--granularity', 'channel'))],
  ['the same, truncated', fused(auto('--granularity', 'channel', '--rounding', 'truncate'))],
].filter(([name]) => only.test(name));

const two = (number) => (number === undefined ? '' : number.toFixed(2));
console.log('| | CIFAR-100 | change | CIFAR-10 | change | pictures | bits a pair | file, MB |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const [name, run] of ROWS) {
  const { both, sizes, bits, why } = run();
  if (why !== undefined) {
    console.log(`| ${name} | ${why} | | | | | | |`);
    continue;
  }
  const cells = both.flatMap(({ float, fused: own }) => [
    two(own.top1),
    float === undefined ? '' : two(own.top1 - float.top1),
  ]);
  const told = name.includes('auto') || name.endsWith('truncated') ? `${name}: ${bits}` : name;
  const size = [two(sizes.bitsPerSharedWeight), (sizes.total / 1e6).toFixed(1)];
  const row = [told, ...cells, String(both[0].fused.n), ...size];
  console.log(`| ${row.join(' | ')} |`);
}

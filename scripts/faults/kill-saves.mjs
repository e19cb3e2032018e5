#!/usr/bin/env node
/**
 * Kills processes in the middle of saves and conversions and checks the remaining files: the target
 * must be a whole model, no older than the last save that was reported done, and the next save must
 * leave at most one temporary file. Uses dist. Not here: failures of single calls.
 *
 *   node scripts/faults/kill-saves.mjs [--kills N] [--seed S] [--json]
 *
 * Without --kills there are 500. Exit code 1 if anything was torn or lost.
 *
 * Four of five kills hit a process that saves one model after another, model i holding the number
 * i; the fifth hits `bitplane convert` onto a target that another model fills. A kill comes at a
 * random moment after the first save, or after the process started.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bitplane = pathToFileURL(join(root, 'dist', 'index.js')).href;
const cli = join(root, 'dist', 'cli', 'main.js');
const { GraphBuilder, loadModel, saveModel, Tensor } = await import(bitplane);

/**
 * Elements of a model's constant: a save takes milliseconds, so that kills land in all of its
 * steps.
 */
const SIZE = 1 << 20;
/** A kill of a saving process comes within this time of its first save. */
const SAVING_MS = 60;

function modelOf(number) {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', SIZE]);
  return g.graph([x], {
    y: g.add(
      x,
      g.constant(new Tensor('f32', new Float32Array(SIZE).fill(number), [SIZE]), {
        name: 'number',
      }),
    ),
  });
}

/** The number of the model in a file; throws where the file is missing, cut or mixed. */
async function numberIn(path) {
  const { y } = (await loadModel(path)).outputs;
  const { data } = y.inputs[1].data;
  if (data.length !== SIZE || !data.every((value) => value === data[0]))
    throw new Error('a mixture of two models');
  return data[0];
}

/** Runs in the child: saves model after model, from `first` on, and prints the number of each. */
async function saveForever(path, first) {
  for (let number = first; ; number++) {
    await saveModel(modelOf(number), path);
    process.stdout.write(`${number}\n`);
  }
}

/** A seeded sequence of numbers from 0 to 1 (mulberry32). */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function killed(child) {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/**
 * Kills a saving process once; returns the least and the greatest number that the target may then
 * hold.
 */
async function killSaving(path, first, random) {
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.url), '--child', path, String(first)],
    { stdio: ['ignore', 'pipe', 2] },
  );
  let done = first - 1;
  const lines = createInterface({ input: child.stdout });
  const started = new Promise((resolve) => {
    lines.on('line', (line) => {
      done = Number(line);
      resolve();
    });
    child.once('exit', resolve);
  });
  await started;
  await sleep(random() * SAVING_MS);
  const drained = once(lines, 'close');
  await killed(child);
  await drained;
  return [done, done + 1];
}

/** One kill of a conversion of `source` onto `path`, which holds `before`. */
async function killConverting(path, source, span, random) {
  const child = spawn(process.execPath, [cli, 'convert', source, path], {
    stdio: ['ignore', 'ignore', 2],
  });
  const exited = once(child, 'exit');
  await Promise.race([exited, sleep(random() * span)]);
  await killed(child);
}

const leftovers = (folder) => readdirSync(folder).filter((name) => name.endsWith('.tmp')).length;

async function main({ kills, seed }) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitplane-kills-')));
  const path = join(folder, 'model.safetensors');
  const source = join(folder, 'source.safetensors');
  const random = randomOf(seed);
  const counts = {
    kills: 0,
    saves: 0,
    converts: 0,
    torn: 0,
    lost: 0,
    interrupted: 0,
    mostLeftovers: 0,
  };
  try {
    await saveModel(modelOf(0), path);
    await saveModel(modelOf(-1), source);
    const began = performance.now();
    await once(
      spawn(process.execPath, [cli, 'convert', source, join(folder, 'timed.safetensors')], {
        stdio: 'ignore',
      }),
      'exit',
    );
    const convertMs = 1.2 * (performance.now() - began);
    let last = 0;
    for (let kill = 1; kill <= kills; kill++) {
      counts.kills++;
      let allowed;
      if (kill % 5 === 0) {
        counts.converts++;
        await killConverting(path, source, convertMs, random);
        allowed = [last, -1];
      } else {
        counts.saves++;
        allowed = await killSaving(path, Math.max(last, 0) + 1, random);
      }
      const left = leftovers(folder);
      counts.mostLeftovers = Math.max(counts.mostLeftovers, left);
      if (left > 0) counts.interrupted++;
      try {
        const now = await numberIn(path);
        if (!allowed.includes(now)) counts.lost++;
        last = now;
      } catch (error) {
        counts.torn++;
        process.stderr.write(`kill ${kill}: ${error.message}\n`);
      }
    }
    await saveModel(modelOf(0), path);
    counts.leftAfterNextSave = leftovers(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return counts;
}

const value = (name, fallback) =>
  process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : fallback;

if (process.argv[2] === '--child') await saveForever(process.argv[3], Number(process.argv[4]));
else {
  const counts = await main({ kills: value('--kills', 500), seed: value('--seed', 1) });
  const good =
    counts.torn === 0 &&
    counts.lost === 0 &&
    counts.mostLeftovers <= 1 &&
    counts.leftAfterNextSave === 0;
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(counts)}\n`);
  else {
    const { saves, converts, torn, lost, interrupted, mostLeftovers, leftAfterNextSave } = counts;
    process.stdout.write(
      `${counts.kills} kills (${saves} during saves, ${converts} during conversions, ` +
        `${interrupted} with a temporary file open): ${torn} torn, ${lost} lost, ` +
        `at most ${mostLeftovers} leftover of the target, ` +
        `${leftAfterNextSave} after the next save\n`,
    );
  }
  process.exitCode = good ? 0 : 1;
}

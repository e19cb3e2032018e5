/**
 * The tasks of a store of 8 and 4 bits of mantissa with activations of 8 bits, beside the same
 * networks quantized to 8 bits apart, and beside the plain float networks: accuracy, time, and what
 * of weights is in memory.
 */
import { statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { Session } from 'bitplane';
import { bitplaneCli } from '../child.js';
import { race } from '../measure.js';
import { random } from '../random.js';
import type { Row } from '../report.js';

export interface Task {
  readonly name: 'cifar10' | 'cifar100';
  readonly file: string;
}

interface Places {
  readonly data: string;
  readonly folder: string;
}

/** Of mantissas: what `auto` finds for an exponent a tensor. */
const BITS: Readonly<Record<Task['name'], number>> = { cifar100: 8, cifar10: 4 };
/** Pictures that the accuracies are of. */
const PICTURES = 1000;
/** Enough for the file to be read in parts. */
const OLD = 1e9;

interface Quantized {
  readonly accuracy: { readonly [when in 'before' | 'after']: { readonly top1: number } };
}

export async function integerRows(
  tasks: readonly [Task, Task],
  { data, folder }: Places,
): Promise<Row[]> {
  const at = (name: string) => join(folder, `${name}.safetensors`);
  const bits = tasks.map(({ name }) => BITS[name]).join();
  await bitplaneCli([
    ...['fuse', ...tasks.map(({ file }) => file), '-o', at('floats'), '--method', 'bfp'],
    ...['--bits', bits, ...tasks.flatMap(({ name }) => ['--task', name])],
  ]);
  const quantize = (from: string, to: string, name: Task['name'], ...more: string[]) =>
    bitplaneCli<Quantized>([
      ...['quantize', from, to, ...more, '--activations', '8', '--observer', 'mse'],
      ...['--dataset', name, '--data', data, '--limit', String(PICTURES)],
    ]);
  const rows: Row[] = [];
  let store = at('floats');
  for (const { name, file } of tasks) {
    const apart = await quantize(file, at(name), name, '--weights', '8', '--per-channel');
    const next = at(`store-${name}`);
    const own = await quantize(store, next, name, '--weights', 'shared', '--task', name);
    store = next;
    const [float, int8] = [apart.accuracy.before.top1, apart.accuracy.after.top1];
    const { top1 } = own.accuracy.after;
    rows.push({
      what: `${name}, ${BITS[name]} bits and activations of 8: points below float`,
      value: float - top1,
      unit: 'points',
      goal: { max: 0.5 },
      note: `float ${float}, quantized apart ${int8}, here ${top1}, ${PICTURES} pictures`,
    });
  }
  utimesSync(store, OLD, OLD + 0.5);
  const session = await Session.create(store, { task: tasks[0].name, threads: 1 });
  for (const task of tasks) rows.push(...(await timesOf(task, session, at(task.name))));
  const { residentBytes } = session.info;
  const { size } = statSync(store);
  rows.push({
    what: `weights in memory with both tasks of (${bits}) bits in use / the store`,
    value: residentBytes / size,
    unit: 'x',
    goal: { max: 1.1 },
    note: `${(residentBytes / 1e6).toFixed(1)} of ${(size / 1e6).toFixed(1)} MB`,
  });
  await session.release();
  return rows;
}

async function timesOf({ name, file }: Task, store: Session, quantized: string): Promise<Row[]> {
  const int8 = await Session.create(quantized, { threads: 1 });
  const plain = await Session.create(file, { threads: 1 });
  const next = random(1);
  const x = Float32Array.from({ length: 3 * 32 * 32 }, () => next() - 0.5);
  const feeding = (session: Session, task?: string) => {
    const [input] = session.inputNames as [string];
    return () => session.run({ [input]: x }, task === undefined ? {} : { task });
  };
  const jobs = { store: feeding(store, name), int8: feeding(int8), plain: feeding(plain) };
  const us = await race(jobs, 60, 30);
  await Promise.all([int8.release(), plain.release()]);
  const ms = (time: number) => (time / 1000).toFixed(2);
  const of = `${name}, ${BITS[name]} bits and activations of 8, batch 1, one thread`;
  return [
    {
      what: `${of}: store / quantized to 8 bits apart`,
      value: us.store / us.int8,
      unit: 'x',
      goal: { max: 1.1 },
      note: `${ms(us.store)} / ${ms(us.int8)} ms`,
    },
    {
      what: `${of}: plain floats / store`,
      value: us.plain / us.store,
      unit: 'x',
      goal: { min: 2.5 },
      note: `${ms(us.plain)} / ${ms(us.store)} ms`,
    },
  ];
}

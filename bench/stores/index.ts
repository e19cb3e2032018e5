/**
 * Two ResNet-18 networks in one store of (12, 11) bits beside the plain float network: time of
 * runs, of changing task between runs, what of weights is in memory and in the file; then what
 * needs pictures. Needs BITPLANE_DATA to name a folder with models/resnet18-cifar10.onnx.gz and
 * resnet18-cifar100.onnx.gz, and for pictures cifar-10-batches-bin/ and cifar-100-binary/. Not
 * here: activations of 8 bits (./integers.ts), choosing widths (./widths.ts).
 */
import { existsSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fusion, loadModel, Session } from 'bitplane';
import { race } from '../measure.js';
import { random } from '../random.js';
import { type Row, Skip, type Workload } from '../report.js';
import { integerRows } from './integers.js';
import { widthRows } from './widths.js';

const TASKS = ['resnet18-cifar10', 'resnet18-cifar100'] as const;
const PICTURES = ['cifar-10-batches-bin', 'cifar-100-binary'] as const;
const BITS = [12, 11] as const;

export const stores: Workload = {
  name: 'stores',
  async rows() {
    const models = join(process.env.BITPLANE_DATA ?? '', 'models');
    const files = TASKS.map((name) => join(models, `${name}.onnx.gz`));
    const missing = files.find((file) => !existsSync(file));
    if (process.env.BITPLANE_DATA === undefined || missing !== undefined)
      throw new Skip(`BITPLANE_DATA names no folder with models/${TASKS.join(' and ')} in it`);
    const folder = mkdtempSync(join(tmpdir(), 'bitplane-'));
    try {
      const rows = await measure(files as [string, string], join(folder, 'store.safetensors'));
      const data = process.env.BITPLANE_DATA;
      if (!PICTURES.every((name) => existsSync(join(data, name)))) return rows;
      const tasks = [
        { name: 'cifar10', file: files[0] as string },
        { name: 'cifar100', file: files[1] as string },
      ] as const;
      rows.push(...(await integerRows(tasks, { data, folder })));
      rows.push(...(await widthRows(tasks[0], data)));
      return rows;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measure(files: readonly [string, string], path: string): Promise<Row[]> {
  const networks = [];
  for (const [i, file] of files.entries())
    networks.push([TASKS[i] as string, await loadModel(file)] as const);
  const { store } = fusion.fuseNetworks(networks, { method: 'bfp', bits: BITS });
  const sizes = fusion.storeSizes(store);
  await fusion.saveStore(store, path);
  // Old enough to be read in parts.
  utimesSync(path, 1e9, 1e9 + 0.5);
  const [first, second] = TASKS;
  const session = await Session.create(path, { task: first, threads: 1 });
  const plain = await Session.create(files[0], { threads: 1 });
  const rows: Row[] = [];
  for (const [batch, max] of [
    [1, 1.25],
    [16, 1.05],
  ] as const) {
    const run = feeding(session, batch);
    const plainly = feeding(plain, batch);
    const us = await race({ store: run, plain: plainly }, batch === 1 ? 60 : 12, 30);
    rows.push({
      what: `store of (${BITS}) bits / plain floats, batch ${batch}, one thread`,
      value: us.store / us.plain,
      unit: 'x',
      goal: { max },
      note: `${(us.store / 1000).toFixed(2)} / ${(us.plain / 1000).toFixed(2)} ms`,
    });
  }
  const run = feeding(session, 1);
  const turns =
    (...tasks: readonly string[]) =>
    async () => {
      for (const task of tasks) await run(task);
    };
  const us = await race(
    { change: turns(first, second), stay: turns(first, first), other: turns(second, second) },
    40,
    30,
  );
  rows.push({
    what: 'another task in each run / the same task, batch 1',
    value: (2 * us.change) / (us.stay + us.other),
    unit: 'x',
    goal: { max: 1.1 },
  });
  const { residentBytes } = session.info;
  const file = statSync(path).size;
  rows.push({
    what: 'weights in memory with both tasks in use / the store',
    value: residentBytes / file,
    unit: 'x',
    goal: { max: 1.1 },
    note: `${(residentBytes / 1e6).toFixed(1)} of ${(file / 1e6).toFixed(1)} MB`,
  });
  const { heads, others } = sizes.bytes;
  const width = BITS.reduce((sum, bits) => sum + bits + 1, 0);
  rows.push({
    what: `file less the real parameters / ${width} bits a fused weight`,
    value: (file - heads - others) / ((sizes.sharedWeights * width) / 8),
    unit: 'x',
    goal: { max: 1.01 },
    note: `${file} bytes, ${heads + others} of them real parameters`,
  });
  await Promise.all([session.release(), plain.release()]);
  return rows;
}

/** Runs on random pictures, of a store by the name of a task. */
function feeding(session: Session, batch: number): (task?: string) => Promise<unknown> {
  const next = random(1);
  const [input] = session.inputNames as [string];
  const x = Float32Array.from({ length: batch * 3 * 32 * 32 }, () => next() - 0.5);
  return (task) => session.run({ [input]: x }, task === undefined ? {} : { task });
}

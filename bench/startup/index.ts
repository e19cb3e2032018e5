/**
 * How long a fresh process takes until it has a session, and for how long it holds the event loop
 * up meanwhile. Node's own start is not counted. Needs BITPLANE_DATA to name a folder with models/.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { loadModel, saveModel } from 'bitplane';
import { bitplaneCli, inChild } from '../child.js';
import { type Row, Skip, type Workload } from '../report.js';
import type { Spent, Startup } from './child.js';

/** Fresh processes of which the quickest counts. */
const RUNS = 5;
const COLD = 'resnet20-cifar10';
const LARGE = 'resnet18-w1a1-imagenet';
/** Milliseconds that making a session may hold the event loop up. */
const HELD = { [LARGE]: 20, 'mobilenetv2-035': 10, 'cnv-w1a1': 10, 'resnet18-cifar10': 10 };

export const startup: Workload = {
  name: 'startup',
  async rows(): Promise<Row[]> {
    const data = process.env.BITPLANE_DATA;
    if (data === undefined || !existsSync(join(data, 'models')))
      throw new Skip('BITPLANE_DATA names no folder with models/ in it');
    const folder = mkdtempSync(join(tmpdir(), 'bitplane-bench-'));
    try {
      return await measure((model) => plain(join(data, 'models', model), folder), folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measure(fileOf: (model: string) => string, folder: string): Promise<Row[]> {
  const cold = await starts(fileOf(COLD), 'cold');
  const whole = cold.map(({ importing: a, creating: b }) => ({
    ms: a.ms + b.ms,
    cpuMs: a.cpuMs + b.cpuMs,
  }));
  const rows: Row[] = [
    row("import 'bitplane'", least(cold.map(({ importing }) => importing))),
    row(`import and Session.create of ${COLD}, warm: false`, least(whole), 60),
  ];
  for (const [model, most] of Object.entries(HELD)) {
    const each = await starts(fileOf(model), 'warm');
    const goal = model === LARGE ? 300 : undefined;
    rows.push(row(`Session.create of ${model}`, least(each.map((one) => one.creating)), goal));
    rows.push({
      what: `the event loop held up by it, ${model}`,
      value: Math.min(...each.map(({ heldMs }) => heldMs)),
      unit: 'ms',
      goal: { max: most },
    });
  }
  const converted = join(folder, 'converted.safetensors');
  await bitplaneCli(['convert', fileOf(LARGE), converted]);
  const imported = join(folder, 'imported.safetensors');
  await saveModel(await loadModel(fileOf(LARGE)), imported);
  for (const [how, file, first, most] of [
    ['that bitplane convert wrote', converted, 'warm', 30],
    ['that bitplane convert wrote, warm: false', converted, 'cold', undefined],
    ['of the graph as imported', imported, 'warm', undefined],
  ] as const) {
    const created = least((await starts(file, first)).map(({ creating }) => creating));
    const size = (readFileSync(file).length / 1e6).toFixed(1);
    const what = `Session.create of ${LARGE} as safetensors of ${size} MB ${how}`;
    rows.push(row(what, created, most));
  }
  return rows;
}

async function starts(file: string, first: 'cold' | 'warm'): Promise<Startup[]> {
  const all: Startup[] = [];
  for (let i = 0; i < RUNS; i++)
    all.push(await inChild<Startup>(new URL('./child.js', import.meta.url), [], [file, first]));
  return all;
}

function least(all: readonly Spent[]): Spent {
  return {
    ms: Math.min(...all.map(({ ms }) => ms)),
    cpuMs: Math.min(...all.map(({ cpuMs }) => cpuMs)),
  };
}

function row(what: string, { ms, cpuMs }: Spent, most?: number): Row {
  const note = `${cpuMs.toFixed(0)} ms of CPU time`;
  return { what, value: ms, unit: 'ms', note, ...(most !== undefined && { goal: { max: most } }) };
}

/** The path of a model's file, inflated into `folder` where it is gzipped. */
function plain(stem: string, folder: string): string {
  if (existsSync(`${stem}.onnx`)) return `${stem}.onnx`;
  const file = join(folder, 'model.onnx');
  writeFileSync(file, gunzipSync(readFileSync(`${stem}.onnx.gz`)));
  return file;
}

/**
 * `bitplane bench MODEL`: latency of whole runs on seeded input, by layer if asked, and beside
 * other engines if asked. Not here: single kernels (bench-kernels.ts), training steps
 * (bench-training.ts).
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { writeFileAtomic } from '../formats/write-file.js';
import type { Tensors } from '../runtime/run-rows.js';
import type { LayerProfile, TensorMetadata } from '../runtime/session-types.js';
import { benchPage } from './bench-report.js';
import type { EngineName } from './engines.js';
import { feedsOfFiles } from './feeds-of-files.js';
import { count, microseconds, three } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { notHere } from './not-here.js';
import { Onnxruntime } from './onnxruntime.js';
import { withSession } from './open-session.js';
import type { SessionFlags } from './options.js';
import { startProgress } from './progress.js';
import { randomFeeds } from './random-feeds.js';
import { requireOther } from './same-file.js';
import { summarize, type Timing, timeCalls, warmUp } from './statistics.js';
import { type Block, facts, table } from './table.js';
import { isZooName } from './zoo-name.js';

export interface BenchFlags extends SessionFlags {
  readonly repeat?: number;
  readonly batch?: number;
  readonly input?: readonly string[];
  readonly profile?: boolean;
  readonly train?: boolean;
  readonly vs?: readonly EngineName[];
  readonly html?: string;
  readonly json?: boolean;
}

interface Engine {
  readonly name: string;
  run(): Promise<unknown>;
}

type Timed = Timing & { readonly name: string };

/** How often the engines take turns, so that a slow moment of the machine falls on all of them. */
const ROUNDS = 5;
const PROFILED_RUNS = 20;

const REPEAT = 100;

export async function bench(model: string, flags: BenchFlags, io: Io): Promise<void> {
  await withSession(model, flags, io, async (session) => {
    const { isa, threads } = session.info;
    const { repeat = REPEAT } = flags;
    const read = await feedsOfFiles(flags.input ?? [], session.inputMetadata, io);
    if (flags.html !== undefined)
      requireOther(flags.html, [model], '--html', [...read.files.values()]);
    const batch = batchOf(session.inputMetadata, read.feeds, flags.batch);
    const drawn = randomFeeds(
      session.inputMetadata.filter(({ name }) => !read.files.has(name)),
      batch,
    );
    const feeds = { ...drawn, ...read.feeds };
    if (flags.json !== true) for (const note of read.notes) io.stderr.write(`bitplane: ${note}\n`);
    const rivals: Onnxruntime[] = [];
    try {
      const engines: Engine[] = [{ name: 'bitplane', run: () => session.run(feeds) }];
      for (const engine of flags.vs ?? []) {
        const options = { engine, op: 'bench', need: `--vs ${engine}`, threads, optimize: true };
        const rival = await Onnxruntime.open(model, options);
        rivals.push(rival);
        const prepared = rival.prepare(rival.suited(feeds));
        engines.push({ name: rival.name, run: () => rival.run(prepared) });
      }
      const timings = await timeInTurns(engines, repeat, io, flags.json === true);
      const timed = engines.map(({ name }, i) => ({ name, ...(timings[i] as Timing) }));
      const { name: _, ...ours } = timed[0] as Timed;
      const profiled = flags.profile === true || flags.html !== undefined;
      const layers = profiled ? await session.profile(PROFILED_RUNS, feeds) : [];
      const vs = timed.slice(1).map(({ name, ...theirs }) => {
        return { engine: name, ...theirs, ratio: theirs.medianUs / ours.medianUs };
      });
      const about: (readonly [string, string])[] = [
        ['model', `${basename(model)}, batch ${batch}`],
        ['session', `${isa}, ${threads} thread${threads === 1 ? '' : 's'}, ${repeat} runs`],
      ];
      const compared = vs.map(
        ({ ratio, engine }) => `${three(ratio)} times as fast as ${engine} (medians)`,
      );
      if (flags.html !== undefined) {
        const html = benchPage({
          title: `${basename(model)}, timed`,
          about: [...about, ...compared.map((text) => ['bitplane', text] as const)],
          engines: timed,
          info: session.info,
          fileBytes: isZooName(model) ? null : (await stat(model)).size,
          profile: layers,
          graph: session.graph,
          batch,
        });
        await writeFileAtomic(flags.html, new TextEncoder().encode(html));
      }
      if (flags.json === true) {
        printJson(io, {
          model,
          isa,
          threads,
          batch,
          repeat,
          ...ours,
          imagesPerSecond: (1e6 * batch) / ours.medianUs,
          ...(flags.profile === true ? { layers } : {}),
          ...(vs.length === 0 ? {} : { vs }),
        });
        return;
      }
      printLines(io, facts(about), '', timingTable(timed, batch));
      if (compared.length > 0) printLines(io, '', compared);
      if (flags.profile === true) printLines(io, '', layerTable(layers));
      if (flags.html !== undefined) printLines(io, '', `wrote ${flags.html}`);
    } finally {
      for (const rival of rivals) await rival.release();
    }
  });
}

/**
 * The pictures of a run: if the model leaves its batch open, that of a file, or --batch; else the
 * batch of the model.
 */
function batchOf(
  inputs: readonly TensorMetadata[],
  read: Tensors,
  asked: number | undefined,
): number {
  const fixed = inputs.map(({ shape }) => shape[0]);
  const open = inputs.filter(({ shape }) => typeof shape[0] === 'string');
  if (open.length > 0) {
    const file = open.find(({ name }) => Object.hasOwn(read, name));
    const given = file && read[file.name]?.shape[0];
    if (asked !== undefined && given !== undefined && asked !== given)
      throw notHere('--batch', `the file for input ${file!.name} holds a batch of ${given}`);
    return given ?? asked ?? 1;
  }
  const batch = typeof fixed[0] === 'number' ? fixed[0] : 1;
  if (asked !== undefined && asked !== batch)
    throw notHere('--batch', `the model takes a batch of ${batch} and no other`);
  return batch;
}

async function timeInTurns(
  engines: readonly Engine[],
  repeat: number,
  io: Io,
  json: boolean,
): Promise<Timing[]> {
  const progress = startProgress(
    io,
    'bench',
    repeat * engines.length,
    json && io.stderr.isTTY !== true,
  );
  const samples = engines.map((): number[] => []);
  let done = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const share =
      Math.floor(((round + 1) * repeat) / ROUNDS) - Math.floor((round * repeat) / ROUNDS);
    if (share === 0) continue;
    for (const [i, engine] of engines.entries()) {
      await warmUp(engine.run);
      samples[i]?.push(...(await timeCalls(engine.run, share)));
      done += share;
      progress.update(done);
    }
  }
  progress.finish();
  return samples.map(summarize);
}

function timingTable(rows: readonly Timed[], batch: number): Block {
  return table(
    [
      { title: 'engine', cell: (row) => row.name },
      { title: 'median', cell: (row) => microseconds(row.medianUs), align: 'right' },
      { title: 'min', cell: (row) => microseconds(row.minUs), align: 'right' },
      {
        title: 'quartiles',
        cell: (row) => `${microseconds(row.p25Us)} to ${microseconds(row.p75Us)}`,
        align: 'right',
      },
      { title: 'p99', cell: (row) => microseconds(row.p99Us), align: 'right' },
      { title: 'images/s', cell: (row) => three((1e6 * batch) / row.medianUs), align: 'right' },
    ],
    rows,
  );
}

function layerTable(layers: readonly LayerProfile[]): Block {
  const total = layers.reduce((sum, layer) => sum + layer.us, 0);
  const macs = (layer: LayerProfile) => layer.macs.binary + layer.macs.integer + layer.macs.float;
  return table(
    [
      { title: 'layer', cell: (row) => row.name },
      { title: 'op', cell: (row) => row.op },
      { title: 'kernel', cell: (row) => row.kernel },
      { title: 'time', cell: (row) => microseconds(row.us), align: 'right' },
      {
        title: '%',
        cell: (row) => three(total === 0 ? 0 : (100 * row.us) / total),
        align: 'right',
      },
      {
        title: 'MAC/s',
        cell: (row) => (macs(row) === 0 || row.us === 0 ? '' : count((macs(row) / row.us) * 1e6)),
        align: 'right',
      },
    ],
    layers,
  );
}

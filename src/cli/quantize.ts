/**
 * `bitplane quantize`: a float network in few bits, by the ranges that pictures show, with a report
 * of every layer and the accuracy before and after. Not here: how (src/quant).
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { BitplaneError, expected } from '../core/errors.js';
import { type Evaluation, measureAccuracy } from '../data/accuracy.js';
import { withRecipe } from '../data/recipe.js';
import { saveModel } from '../formats/safetensors/model.js';
import { Session } from '../formats/session.js';
import { requireFolderOf, writeFileAtomic } from '../formats/write-file.js';
import type { Graph } from '../graph/value.js';
import type { Clipping } from '../methods/aciq/clip-range.js';
import type { MixedSize } from '../methods/zeroq/zeroq.js';
import type { LayerChoice, QuantChoice, QuantizeOptions } from '../quant/network/options.js';
import { quantizeGraph } from '../quant/network/quantize-graph.js';
import type { ObserverName } from '../quant/observers/range-of.js';
import { knownRecipe } from './find-recipe.js';
import { bytes, percent } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { type Elsewhere, notHere, refuseElsewhere } from './not-here.js';
import { dataFolder } from './open-dataset.js';
import { openModel } from './open-model.js';
import { type DatasetName, type SessionFlags, toSessionOptions } from './options.js';
import { startProgress } from './progress.js';
import { type Correction, type MethodName, TRAINED } from './quantize-options.js';
import {
  calibrate,
  openPictures,
  openTest,
  type Pictures,
  pictureCount,
  type Test,
} from './quantize-pictures.js';
import { jsonReports, layerTable, quantizePage, reportNotes } from './quantize-report.js';
import { requireOther } from './same-file.js';
import { type Block, facts } from './table.js';
import { isZooName } from './zoo-name.js';

export interface QuantizeFlags extends Omit<SessionFlags, 'signZero'> {
  readonly weights: QuantChoice;
  readonly activations?: QuantChoice;
  readonly perChannel?: boolean;
  readonly ends?: number | 'same';
  readonly layer?: Readonly<Record<string, LayerChoice | 'float'>>;
  readonly observer?: ObserverName;
  readonly percentile?: number;
  readonly method?: MethodName;
  readonly as?: 'paper' | 'release';
  readonly clipping?: Clipping | 'search';
  readonly correct?: Correction;
  readonly mixed?: MixedSize;
  readonly epochs?: number;
  readonly seed?: number;
  readonly steps?: number;
  readonly resume?: boolean;
  readonly dataset?: DatasetName;
  readonly data?: string;
  readonly test?: string;
  readonly calibrate?: number;
  readonly limit?: number;
  readonly batch?: number;
  readonly preprocess?: string;
  readonly html?: string;
  readonly json?: boolean;
}

/** An accuracy, and what computed it. */
interface Measured extends Evaluation {
  readonly isa: string;
  readonly threads: number;
}

export async function quantize(
  from: string,
  to: string,
  { method, ...flags }: Omit<QuantizeFlags, 'method'> & { readonly method?: MethodName | 'all' },
  io: Io,
): Promise<void> {
  if (method === 'all') {
    await (await import('./quantize-all.js')).quantizeAll(from, to, flags, io);
    return;
  }
  const own = method === undefined ? flags : { ...flags, method };
  const { document, lines } = await quantizeFile(from, to, own, io);
  if (flags.json === true) printJson(io, document);
  else printLines(io, lines);
}

/** What a quantization tells, as a document and as text. */
export interface Told {
  readonly document: Readonly<Record<string, unknown>> & {
    readonly inBytes: number | null;
    readonly outBytes: number;
    readonly accuracy: {
      readonly dataset: string | undefined;
      readonly before: { readonly top1: number };
      readonly after: { readonly top1: number };
    } | null;
  };
  readonly lines: readonly (string | Block)[];
}

/** Quantizes one file into one, and writes the page. */
export async function quantizeFile(
  from: string,
  to: string,
  flags: QuantizeFlags,
  io: Io,
): Promise<Told> {
  if (!/\.safetensors$/i.test(to))
    throw expected('ERR_ARGUMENT', 'OUT to end in .safetensors', to, { op: 'quantize' });
  // The floats, and of a store the other tasks, would be lost.
  requireOther(to, [from], 'OUT');
  if (flags.html !== undefined) requireOther(flags.html, [from], '--html', [to]);
  checkFlags(flags);
  for (const path of [to, ...(flags.html === undefined ? [] : [flags.html])])
    await requireFolderOf(path);
  const graph = await openModel(from, flags, io);
  const isDataFree = flags.method !== undefined;
  // A missing folder is said now, and not when a training has ended.
  if (isDataFree && flags.dataset !== undefined) dataFolder(flags.data, io);
  const opened = isDataFree ? undefined : await openPictures(from, graph, flags, io);
  const recipe = opened?.recipe ?? (await knownRecipe(from, graph, flags.preprocess));
  const byMethod = isDataFree
    ? await (await import('./quantize-method.js')).quantizeByMethod(graph, flags, recipe, {
        io,
        silent: quiet(flags, io),
        session: runsOf(flags),
        to,
      })
    : undefined;
  const calibration = opened && { calibration: calibrate(graph, opened, flags, io) };
  const inStore = isShared(flags)
    ? await (await import('./quantize-store.js')).quantizeInStore(from, flags, {
        ...calibration,
        session: runsOf(flags),
      })
    : undefined;
  const quantized =
    byMethod?.quantized ??
    inStore?.quantized ??
    (await quantizeGraph(graph, {
      ...choices(flags),
      ...calibration,
    }));
  const measuring = isDataFree ? await openTest(from, graph, flags, io) : opened;
  const isCarried = recipe !== undefined && recipe.isDefault !== true;
  const result = isCarried ? withRecipe(quantized.graph, recipe) : quantized.graph;
  const before = measuring?.test && (await accuracy('before', graph, measuring.test, flags, io));
  const after = measuring?.test && (await accuracy('after', result, measuring.test, flags, io));
  await (inStore === undefined ? saveModel(result, to) : inStore.save(to));

  const inBytes = isZooName(from) ? null : (await stat(from)).size;
  const outBytes = (await stat(to)).size;
  const notes = [
    ...(byMethod?.notes ?? inStore?.notes ?? []),
    ...(measuring?.notes ?? ['no --dataset: no accuracy was measured']),
    ...reportNotes(quantized),
  ];
  const about = summary({ from, to, inBytes, outBytes, before, after, opened, flags });
  if (flags.html !== undefined)
    await writeFileAtomic(
      flags.html,
      new TextEncoder().encode(
        quantizePage(`${basename(to)}, quantized`, about, notes, quantized, byMethod?.sections),
      ),
    );
  return {
    document: {
      in: from,
      out: to,
      inBytes,
      outBytes,
      recipe: isCarried ? recipe.source : null,
      calibration: opened === undefined ? null : calibrationFacts(opened, flags),
      accuracy:
        before === undefined || after === undefined
          ? null
          : { dataset: measuring?.test?.data.name, before: shares(before), after: shares(after) },
      ...(byMethod !== undefined && { method: flags.method, ...byMethod.facts }),
      ...jsonReports(quantized),
      notes,
      isa: after?.isa ?? null,
      threads: after?.threads ?? null,
      html: flags.html ?? null,
    },
    lines: [layerTable(quantized), '', facts(about), ...notes],
  };
}

const OF_CHANCE = 'it needs --method zeroq, gdfq or zaq, or --correct empirical of dfq';

const OF_METHODS: Elsewhere<QuantizeFlags> = [
  ['as', '--as', 'it needs --method'],
  ['clipping', '--clipping', 'it needs --method aciq'],
  ['correct', '--correct', 'it needs --method dfq'],
  ['mixed', '--mixed', 'it needs --method zeroq'],
  ['epochs', '--epochs', 'it needs --method gdfq or zaq'],
  ['seed', '--seed', OF_CHANCE],
  ['steps', '--steps', OF_CHANCE],
  ['resume', '--resume', 'it needs --method gdfq or zaq'],
];
const OF_CALIBRATION: Elsewhere<QuantizeFlags> = [
  ['observer', '--observer', 'a method without data observes nothing'],
  ['calibrate', '--calibrate', 'a method without data calibrates with nothing'],
];

const OF_TRAINED: Elsewhere<QuantizeFlags> = [
  ['epochs', '--epochs', 'it needs --method gdfq or zaq'],
  ['resume', '--resume', 'it needs --method gdfq or zaq'],
];
const NOT_TRAINED: Elsewhere<QuantizeFlags> = [
  ['layer', '--layer', 'methods that train give all layers the same bits'],
];

/** Whether pictures are distilled. */
export function distills({
  method,
  correct,
}: {
  readonly method?: MethodName | undefined;
  readonly correct?: Correction | undefined;
}): boolean {
  return method === 'zeroq' || (method === 'dfq' && correct === 'empirical');
}

/** Of activations beside shared weights. */
const SHARED_BITS = 8;
const SHARED = 'shared weights stay as the store has them';
const OF_OWN_WEIGHTS: Elsewhere<QuantizeFlags> = [
  ['perChannel', '--per-channel', SHARED],
  ['layer', '--layer', SHARED],
  ['method', '--method', SHARED],
];

/** Options that mean nothing together. */
function checkFlags(flags: QuantizeFlags): void {
  if (flags.percentile !== undefined && flags.observer !== 'percentile')
    throw notHere('--percentile', 'only --observer percentile has one');
  if (flags.test !== undefined && flags.dataset !== 'folder')
    throw notHere('--test', `${flags.dataset ?? 'no data set'} has a test split of its own`);
  if (flags.method === undefined) refuseElsewhere(flags, OF_METHODS);
  else refuseElsewhere(flags, OF_CALIBRATION);
  if (isShared(flags)) refuseElsewhere(flags, OF_OWN_WEIGHTS);
  if (flags.method !== 'aciq' && flags.clipping !== undefined)
    throw notHere('--clipping', 'it needs --method aciq');
  if (flags.method !== 'dfq' && flags.correct !== undefined)
    throw notHere('--correct', 'it needs --method dfq');
  if (flags.method !== 'zeroq' && flags.mixed !== undefined)
    throw notHere('--mixed', 'it needs --method zeroq');
  const { method } = flags;
  const isTrained = method !== undefined && TRAINED.includes(method);
  if (!isTrained) refuseElsewhere(flags, OF_TRAINED);
  else refuseElsewhere(flags, NOT_TRAINED);
  for (const name of ['seed', 'steps'] as const)
    if (!isTrained && !distills(flags) && flags[name] !== undefined)
      throw notHere(`--${name}`, OF_CHANCE);
  if ((method === 'gdfq' || method === 'zeroq') && flags.perChannel !== undefined)
    throw notHere('--per-channel', `weights of ${method} always have a scale an output channel`);
  const activations = activationsOf(flags);
  if (isShared(flags) && activations === 'float')
    throw notHere('--activations float', 'with shared weights nothing else is left to quantize');
  if (activations === 'float' && flags.observer !== undefined)
    throw notHere('--observer', 'without --activations there is nothing to observe');
  if (activations !== 'float' && flags.dataset === undefined && flags.method === undefined)
    throw new BitplaneError(
      'ERR_ARGUMENT',
      'expected --dataset and --data, whose pictures tell the ranges of activations',
    );
  for (const name of ['data', 'calibrate', 'limit', 'batch'] as const)
    if (flags[name] !== undefined && flags.dataset === undefined)
      throw notHere(`--${name}`, 'it needs --dataset');
}

/** `--weights shared`: those of a store stay, and what is written is the store. */
function isShared({ weights }: Pick<QuantizeFlags, 'weights'>): boolean {
  return (weights as string) === 'shared';
}

/** What activations become where --activations does not say. */
function activationsOf(flags: QuantizeFlags): QuantChoice {
  return flags.activations ?? (isShared(flags) ? SHARED_BITS : 'float');
}

function choices(flags: QuantizeFlags): QuantizeOptions {
  const { weights, activations, perChannel, ends, layer, observer, percentile } = flags;
  return {
    weights,
    ...(activations !== undefined && { activations }),
    ...(perChannel !== undefined && { perChannel }),
    ...(ends !== undefined && { ends }),
    ...(layer !== undefined && { layers: layer }),
    ...(observer !== undefined && {
      observer: percentile === undefined ? observer : { name: observer, percentile },
    }),
    session: runsOf(flags),
  };
}

/** The options of a session that computes. */
function runsOf({ threads, isa, lowBit }: QuantizeFlags) {
  return toSessionOptions({
    ...(threads !== undefined && { threads }),
    ...(isa !== undefined && { isa }),
    ...(lowBit !== undefined && { lowBit }),
  });
}

async function accuracy(
  when: string,
  graph: Graph,
  { data, recipe }: Test,
  flags: QuantizeFlags,
  io: Io,
): Promise<Measured> {
  const total = Math.min(data.size, flags.limit ?? data.size);
  const progress = startProgress(io, when, total, quiet(flags, io));
  const session = Session.fromGraph(graph, runsOf(flags));
  const { isa, threads } = session.info;
  try {
    const result = await measureAccuracy(session, data, recipe.preprocess, {
      limit: flags.limit,
      batch: flags.batch,
      onProgress: (done) => progress.update(done),
    });
    return { ...result, isa, threads };
  } finally {
    progress.finish();
    await session.release();
  }
}

function quiet(flags: QuantizeFlags, io: Io): boolean {
  return flags.json === true && io.stderr.isTTY !== true;
}

function shares({ top1, top5, n }: Evaluation) {
  return { top1, top5, n };
}

function calibrationFacts({ calibration }: Pictures, flags: QuantizeFlags) {
  return {
    dataset: calibration.name,
    pictures: pictureCount(calibration, flags),
    observer: flags.observer ?? 'minmax',
  };
}

function summary(done: {
  readonly from: string;
  readonly to: string;
  readonly inBytes: number | null;
  readonly outBytes: number;
  readonly before: Measured | undefined;
  readonly after: Measured | undefined;
  readonly opened: Pictures | undefined;
  readonly flags: QuantizeFlags;
}): (readonly [name: string, value: string])[] {
  const { from, to, inBytes, outBytes, before, after, opened, flags } = done;
  const size = inBytes === null ? '' : ` ${bytes(inBytes)}`;
  const rows: (readonly [string, string])[] = [
    ['file', `${basename(from)}${size} -> ${basename(to)} ${bytes(outBytes)}`],
  ];
  if (opened !== undefined && activationsOf(flags) !== 'float') {
    const { dataset, pictures, observer } = calibrationFacts(opened, flags);
    rows.push(['calibration', `${pictures} pictures of ${dataset}, ${observer}`]);
  }
  if (before !== undefined && after !== undefined)
    rows.push(
      ['accuracy', `top-1 ${percent(before.top1)} -> ${percent(after.top1)}`],
      ['', `top-5 ${percent(before.top5)} -> ${percent(after.top5)}, ${after.n} pictures`],
    );
  return rows;
}

/**
 * `bitplane fuse`: several networks of one architecture in one store, with what that saves and,
 * where tasks have data sets, their accuracy before and after. Not here: fusing (src/fusion),
 * choosing widths (./fuse-accuracy.ts).
 */
import { basename } from 'node:path';
import { expected } from '../core/errors.js';
import { checkFit, classCount } from '../data/fit-input.js';
import { withRecipe } from '../data/recipe.js';
import { loadModel } from '../formats/model.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { fuseNetworks, type Network } from '../fusion/fuse-networks.js';
import { saveStore } from '../fusion/store-file.js';
import { storeSizes } from '../fusion/store-sizes.js';
import type { Graph } from '../graph/value.js';
import { type Dither, type FusionMethod, requireFuseOptions } from '../quant/formats/fused.js';
import { findRecipe, knownRecipe, recipeNotes } from './find-recipe.js';
import { percent } from './format.js';
import {
  type Accuracy,
  type Choice,
  chooseBits,
  DEFAULT_TOLERANCE,
  isWithin,
  type MeasuredTask,
  Measurements,
  widthsOf,
} from './fuse-accuracy.js';
import { type FuseFlags, type TaskName, taskNames, type WordFlags } from './fuse-options.js';
import { type FusedTask, fusePage, sizeFacts, sizeTable, taskTable } from './fuse-report.js';
import { type Io, printJson, printLines } from './io.js';
import { type Elsewhere, notHere, refuseElsewhere } from './not-here.js';
import { dataFolder, openDataset } from './open-dataset.js';
import { openModel } from './open-model.js';
import { requireOther } from './same-file.js';
import { facts } from './table.js';

export async function fuse(models: readonly string[], flags: FuseFlags, io: Io): Promise<void> {
  const tasks = checked(models, flags);
  const graphs: Graph[] = [];
  const { task: _, ...file } = flags;
  for (const model of models) graphs.push(await openModel(model, file, io));
  const dir = tasks.some(hasData) ? dataFolder(flags.data, io) : '';
  const opened: Opened[] = [];
  for (const [i, task] of tasks.entries())
    opened.push(await open(models[i] as string, graphs[i] as Graph, task, dir));
  const measured = opened.map(({ task }) => task);

  const measurements = await Measurements.open(flags, io);
  const words = flags.method === 'masks' ? undefined : (flags as WordFlags);
  const choices =
    words?.bits === 'auto'
      ? await chooseBits(measured as MeasuredTask[], measurements, words)
      : undefined;
  const bits =
    words === undefined || choices === undefined
      ? (flags.bits as readonly number[] | undefined)
      : widthsOf(choices, words);
  const { method, granularity, rounding, dither, out } = flags;
  const networks: Network[] = [];
  for (const [i, graph] of graphs.entries()) {
    const recipe = await knownRecipe(models[i] as string, graph);
    networks.push([(tasks[i] as TaskName).name, recipe ? withRecipe(graph, recipe) : graph]);
  }
  const { store, notes: fused } = fuseNetworks(networks, {
    method,
    bits,
    granularity,
    rounding,
    dither,
  });
  await saveStore(store, out);

  const done: FusedTask[] = [];
  for (const [i, { name, dataset = null }] of tasks.entries()) {
    const task = measured[i];
    const row = { name, model: models[i] as string, bits: bits?.[i] ?? null, dataset };
    const choice = choices?.[i];
    done.push({
      ...row,
      ...(choice && { choice }),
      ...(task && (await compared(task, measurements, out, choice))),
    });
  }
  const notes = [
    ...opened.flatMap((one) => one.notes),
    ...fused,
    ...done.flatMap((task) => beyond(task, flags.tolerance)),
  ];
  const { info } = measurements;
  await report(
    done,
    storeSizes(store),
    notes,
    { ...flags, ...(bits && { bits }) },
    { dither: store.dither, info },
    io,
  );
}

const NEEDS_DATA = 'it needs --task NAME=DATASET';
const OF_DATA: Elsewhere<FuseFlags> = [
  ['data', '--data', NEEDS_DATA],
  ['limit', '--limit', NEEDS_DATA],
  ['batch', '--batch', NEEDS_DATA],
  ['threads', '--threads', NEEDS_DATA],
  ['isa', '--isa', NEEDS_DATA],
  ['lowBit', '--low-bit', NEEDS_DATA],
];

const NO_WORDS = 'masks leave floats as they are';
const OF_WORDS: Elsewhere<FuseFlags> = [
  ['bits', '--bits', NO_WORDS],
  ['granularity', '--granularity', NO_WORDS],
  ['rounding', '--rounding', NO_WORDS],
  ['dither', '--dither', NO_WORDS],
];

const hasData = ({ dataset }: TaskName) => dataset !== undefined;

/** What needs no file, before any is opened. */
function checked(models: readonly string[], flags: FuseFlags): readonly TaskName[] {
  const { bits, out, method, granularity, rounding } = flags;
  if (!/\.safetensors$/i.test(out))
    throw expected('ERR_ARGUMENT', 'a store whose name ends in .safetensors', out, { op: '--out' });
  if (models.length < 2)
    throw expected('ERR_ARGUMENT', 'two models or more', models.length, { op: 'fuse' });
  requireOther(out, models, '--out');
  if (flags.html !== undefined) requireOther(flags.html, models, '--html', [out]);
  for (const [name, value] of Object.entries({ granularity, rounding }))
    if (method === 'ieee754' && value !== undefined)
      throw notHere(`--${name}`, 'ieee754 keeps an exponent for every weight, and truncates');
  if (method === 'masks') refuseElsewhere(flags, OF_WORDS);
  else if (bits === undefined)
    throw expected('ERR_ARGUMENT', `--bits for --method ${method}`, bits, { op: '--bits' });
  const tasks = taskNames(models, flags.task);
  if (bits === 'auto') {
    const without = tasks.find((task) => !hasData(task));
    if (without !== undefined)
      throw expected(
        'ERR_ARGUMENT',
        `--task ${without.name}=DATASET for --bits auto`,
        'no data set',
        {
          op: '--task',
        },
      );
  } else if (bits !== undefined) {
    if (bits.length !== models.length)
      throw expected('ERR_ARGUMENT', `a width for each of ${models.length} models`, bits.join(), {
        op: '--bits',
      });
    const words = { method: method as FusionMethod, bits, granularity, rounding };
    requireFuseOptions(words, { op: '--bits' });
  }
  if (!tasks.some(hasData)) refuseElsewhere(flags, OF_DATA);
  if (bits !== 'auto' && flags.tolerance !== undefined)
    throw notHere('--tolerance', 'only --bits auto has one');
  return tasks;
}

interface Opened {
  /** Absent where the task has no data set. */
  readonly task?: MeasuredTask;
  readonly notes: readonly string[];
}

async function open(
  model: string,
  graph: Graph,
  { name, dataset }: TaskName,
  dir: string,
): Promise<Opened> {
  if (dataset === undefined) return { notes: [] };
  const recipe = await findRecipe(model, graph);
  const [output] = Object.values(graph.outputs);
  const outputs = classCount(output?.shape ?? []);
  const split = undefined;
  const data = await openDataset(dataset, { dir, split, recipe, outputs, strict: false });
  const [input] = graph.inputs;
  const notes = [
    ...recipeNotes(model, recipe),
    ...(input === undefined ? [] : checkFit(input, data, recipe)),
    ...data.notes,
  ];
  return { task: { name, graph, data, recipe }, notes };
}

/** Before and after, on pictures that no width was chosen on. */
async function compared(
  task: MeasuredTask,
  measurements: Measurements,
  out: string,
  choice: Choice | undefined,
): Promise<{ readonly float: Accuracy; readonly fused: Accuracy }> {
  const part = choice === undefined ? 'all' : 'confirming';
  const float = await measurements.of(task, task.graph, 'float', part);
  const graph = await loadModel(out, { task: task.name });
  return { float, fused: await measurements.measure(task, graph, 'fused', part) };
}

function beyond(
  { name, float, fused, choice }: FusedTask,
  tolerance: number = DEFAULT_TOLERANCE,
): string[] {
  if (choice === undefined || float === undefined || fused === undefined) return [];
  if (isWithin(float, fused, tolerance)) return [];
  return [
    `${name} loses ${percent(float.top1 - fused.top1)} on the confirming half, more than the ` +
      `tolerance of ${percent(tolerance)} that its bits were chosen for`,
  ];
}

async function report(
  tasks: readonly FusedTask[],
  sizes: ReturnType<typeof storeSizes>,
  notes: readonly string[],
  flags: FuseFlags,
  { dither, info }: { readonly dither: Dither; readonly info: Measurements['info'] },
  io: Io,
): Promise<void> {
  const { out, method, bits, html } = flags;
  const title = `${basename(out)}: ${tasks.map(({ name }) => name).join(', ')}`;
  if (html !== undefined)
    await writeFileAtomic(html, new TextEncoder().encode(fusePage(title, tasks, sizes, notes)));
  if (flags.json === true) {
    printJson(io, {
      out,
      method,
      bits: bits ?? null,
      granularity: method === 'bfp' ? (flags.granularity ?? 'tensor') : null,
      rounding: method === 'bfp' ? (flags.rounding ?? 'nearest') : null,
      dither,
      tasks,
      sizes,
      notes,
      isa: info?.isa ?? null,
      threads: info?.threads ?? null,
      html: html ?? null,
    });
    return;
  }
  printLines(
    io,
    title,
    '',
    taskTable(tasks),
    '',
    sizeTable(sizes),
    '',
    facts(sizeFacts(sizes, tasks.length)),
    notes,
  );
}

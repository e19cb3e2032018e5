/**
 * `bitplane inspect`: prints a model's inputs, outputs, states, layers and sizes without running
 * it.
 */
import { basename } from 'node:path';
import { showShape } from '../core/shape.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { isOpen, openError, symbolsOf } from '../graph/open.js';
import {
  type Graph,
  outputsOf,
  statesOf,
  topological,
  updatesOf,
  type Value,
} from '../graph/value.js';
import type { Macs } from '../ops/op.js';
import { type Analysis, type Layer, layers } from '../passes/analyze.js';
import { optimize } from '../passes/index.js';
import { isNeverZero } from '../passes/nonzero.js';
import { tryRecipe } from './find-recipe.js';
import { bytes, count } from './format.js';
import { type Io, printJson, printLines, verbatim } from './io.js';
import { isStore } from './is-store.js';
import { layerKernels } from './layer-kernels.js';
import { metadataFacts } from './metadata-facts.js';
import { notHere } from './not-here.js';
import { openModel } from './open-model.js';
import type { SessionFlags } from './options.js';
import { requireOther } from './same-file.js';
import { type Column, facts, table } from './table.js';
import { isQuiet, whileWaiting } from './waiting.js';

export interface InspectFlags extends SessionFlags {
  /** The graph as the file has it. */
  readonly raw?: boolean;
  readonly html?: string;
  readonly json?: boolean;
}

const NO_LAYERS: Analysis = {
  rows: [],
  totals: { macs: { binary: 0, integer: 0, float: 0 }, weightBytes: 0 },
};

export async function inspect(model: string, flags: InspectFlags, io: Io): Promise<void> {
  if (flags.raw === true && flags.signZero !== undefined)
    throw notHere(
      '--sign-zero',
      '--raw shows the graph as the file has it, before any Sign is taken for a bit',
    );
  for (const [flag, value] of [
    ['--isa', flags.isa],
    ['--low-bit', flags.lowBit],
  ] as const)
    if (flags.raw === true && value !== undefined)
      throw notHere(flag, '--raw shows the graph as the file has it, which no kernel runs');
  if (flags.task === undefined && (await isStore(model))) {
    const { raw, html, signZero } = flags;
    for (const [flag, value] of Object.entries({ raw, html, 'sign-zero': signZero }))
      if (value !== undefined) throw notHere(`--${flag}`, 'a store has layers with --task NAME');
    return (await import('./inspect-store.js')).inspectStore(model, flags, io);
  }
  if (flags.html !== undefined) requireOther(flags.html, [model], '--html');
  const loaded = await openModel(model, flags, io);
  const open = isOpen(loaded)
    ? `no layers are shown, as they depend on sizes: ${openError(loaded).message}`
    : undefined;
  const asWritten = flags.raw === true || open !== undefined;
  const graph = asWritten ? loaded : optimize(loaded, { signZero: flags.signZero ?? 'exact' });
  const { byLayer, problem: missing } = asWritten
    ? { byLayer: new Map(), problem: undefined }
    : await whileWaiting(io, 'kernels', () => layerKernels(loaded, flags), isQuiet(flags, io));
  const { rows: all, totals } = open === undefined ? layers(graph) : NO_LAYERS;
  const rows = all.map((row) => ({ ...row, kernel: byLayer.get(row.name) ?? null }));
  const inputs = graph.inputs.map((input) => describe(input.name, input));
  const outputs = outputsOf(graph).map(([name, value]) => describe(name, value));
  const symbols = symbolsOf(graph.inputs);
  const states = describeStates(graph);
  const { recipe, problem } = await tryRecipe(model, loaded);
  const notes = [problem, missing, open].filter((note) => note !== undefined);
  const metadata = loaded.metadata ?? {};
  const about = metadataFacts(metadata, recipe);
  if (flags.html !== undefined) {
    if (isOpen(loaded)) throw openError(loaded);
    const { networkPage } = await import('./report/network-page.js');
    const { networkNodes } = await import('./network-nodes.js');
    const html = networkPage({
      title: basename(model),
      about: [
        ...inputs.map((input) => ['input', typed(input)] as const),
        ...outputs.map((output) => ['output', typed(output)] as const),
        ['weights', bytes(totals.weightBytes)] as const,
        ...papersCount(totals.macs).map((text) => ['one image', text] as const),
        ...about,
      ],
      nodes: networkNodes(graph, byLayer),
    });
    await writeFileAtomic(flags.html, new TextEncoder().encode(html));
  }
  const signsWithZero =
    flags.signZero === 'plus' || open !== undefined ? [] : undecidedSigns(loaded);
  if (flags.json === true) {
    printJson(io, {
      model,
      inputs,
      outputs,
      symbols,
      states,
      metadata,
      recipe: recipe === undefined ? null : verbatim(recipe),
      layers: rows,
      totals,
      operations: operations(totals.macs),
      signsWithZero,
      notes,
      html: flags.html ?? null,
    });
    return;
  }
  const total: Row = {
    name: 'total',
    op: '',
    inputDtype: 'f32',
    weightDtype: null,
    kernel: null,
    dtype: 'f32',
    shape: [],
    ...totals,
  };
  printLines(
    io,
    basename(model),
    inputs.map((input) => `input   ${typed(input)}`),
    outputs.map((output) => `output  ${typed(output)}`),
    states.map((state) => `state   ${typed(state)}`),
    states.flatMap(({ name, update }) =>
      update === null ? [] : [`update  ${name} = ${update.op} ${JSON.stringify(update.name)}`],
    ),
    about.length === 0 ? [] : [facts(about)],
    symbols.length === 0 ? [] : [`sizes   ${symbols.join(', ')} of any number`],
    notes,
  );
  if (open !== undefined) return;
  printLines(
    io,
    '',
    table<Row>(
      COLUMNS.filter(({ title }) => title !== 'kernel' || byLayer.size > 0).map((column) => ({
        ...column,
        cell: (row) => (row === total && !TOTALLED.has(column.title) ? '' : column.cell(row)),
      })),
      [...rows, total],
    ),
    '',
    flags.html === undefined ? [] : [`wrote ${flags.html}`],
    'Multiply-accumulates are for one image.',
    papersCount(totals.macs),
    signsWithZero.length === 0
      ? []
      : [
          'sign(0) = 0 is kept, so these are not one bit but floats or two bits: ' +
            `${signsWithZero.join(', ')}`,
        ],
  );
}

/**
 * As the papers on binary networks count: BOPs are binary multiply-accumulates, FLOPs all others,
 * 64 BOPs are one OP.
 */
function operations(macs: Macs) {
  const [bops, flops] = [macs.binary, macs.float + macs.integer];
  return { bops, flops, ops: bops / 64 + flops };
}

function papersCount(macs: Macs): string[] {
  const { bops, flops, ops } = operations(macs);
  return bops === 0
    ? []
    : [`BOPs ${count(bops)}, FLOPs ${count(flops)}, OPs = BOPs / 64 + FLOPs = ${count(ops)}`];
}

/** The names of the `signum` nodes whose operand may be zero. */
function undecidedSigns(graph: Graph): string[] {
  return topological(graph)
    .filter((value) => value.op === 'signum' && !isNeverZero(value.inputs[0] as Value))
    .map((value) => value.name);
}

/** A layer and the kernel that computes it here; null for one that is part of another. */
interface Row extends Layer {
  readonly kernel: string | null;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'layer', cell: (row) => row.name },
  { title: 'op', cell: (row) => row.op, whole: true },
  { title: 'input, weights -> output', cell: dtypesOf, whole: true },
  { title: 'shape', cell: (row) => showShape(row.shape), whole: true },
  { title: 'kernel', cell: (row) => row.kernel ?? '' },
  { title: 'binary MACs', cell: (row) => blankZero(row.macs.binary, count), align: 'right' },
  { title: 'integer MACs', cell: (row) => blankZero(row.macs.integer, count), align: 'right' },
  { title: 'float MACs', cell: (row) => blankZero(row.macs.float, count), align: 'right' },
  { title: 'weight bytes', cell: (row) => blankZero(row.weightBytes, bytes), align: 'right' },
];
/** The columns that mean something in the last line. */
const TOTALLED = new Set(['layer', 'binary MACs', 'integer MACs', 'float MACs', 'weight bytes']);

function dtypesOf({ inputDtype, weightDtype, dtype }: Row): string {
  return `${inputDtype}${weightDtype === null ? '' : `, ${weightDtype}`} -> ${dtype}`;
}

/** Zeros are left blank: a table of layers is mostly zeros. */
function blankZero(value: number, show: (value: number) => string): string {
  return value === 0 ? '' : show(value);
}

/** Every state, and the node that it is after a run; null where runs only read it. */
function describeStates(graph: Graph) {
  const updates = new Map(updatesOf(graph).map(([{ name }, next]) => [name, next]));
  return statesOf(graph).map((state) => {
    const next = updates.get(state.name);
    return {
      ...describe(state.name, state),
      update: next === undefined ? null : { op: next.op, name: next.name },
    };
  });
}

function typed({ name, dtype, shape }: ReturnType<typeof describe>): string {
  return `${name} ${dtype} ${showShape(shape)}`;
}

function describe(name: string, { dtype, shape }: Value) {
  return { name, dtype, shape };
}

/**
 * `bitplane inspect`: what a model takes, gives, computes and stores, without running it.
 */
import { basename } from 'node:path';
import { showShape } from '../core/shape.js';
import { loadModel } from '../formats/model.js';
import type { Value } from '../graph/value.js';
import { type Layer, layers } from '../passes/analyze.js';
import { optimize } from '../passes/index.js';
import { bytes, count } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import type { SignZero } from './options.js';
import { type Column, table } from './table.js';

export interface InspectFlags {
  /** The graph as the file has it. */
  readonly raw?: boolean;
  readonly signZero?: SignZero;
  readonly json?: boolean;
}

export async function inspect(model: string, flags: InspectFlags, io: Io): Promise<void> {
  const loaded = await loadModel(model);
  const graph = flags.raw === true ? loaded : optimize(loaded, { signZero: flags.signZero ?? 'exact' });
  const { rows, totals } = layers(graph);
  const inputs = graph.inputs.map((input) => describe(input.name, input));
  const outputs = Object.entries(graph.outputs).map(([name, value]) => describe(name, value));
  if (flags.json === true) {
    printJson(io, { model, inputs, outputs, layers: rows, totals });
    return;
  }
  const total: Layer = { name: 'total', op: '', inputDtype: 'f32', weightDtype: null, dtype: 'f32', shape: [], ...totals };
  printLines(
    io,
    basename(model),
    ...inputs.map((input) => `input   ${input.name} ${input.dtype} ${showShape(input.shape)}`),
    ...outputs.map((output) => `output  ${output.name} ${output.dtype} ${showShape(output.shape)}`),
    '',
    table<Layer>(
      COLUMNS.map((column) => ({ ...column, cell: (row) => (row === total && !TOTALLED.has(column.title) ? '' : column.cell(row)) })),
      [...rows, total],
    ),
    '',
    'Multiply-accumulates are for one image.',
  );
}

const COLUMNS: readonly Column<Layer>[] = [
  { title: 'layer', cell: (row) => row.name },
  { title: 'op', cell: (row) => row.op },
  { title: 'input', cell: (row) => row.inputDtype },
  { title: 'weights', cell: (row) => row.weightDtype ?? '' },
  { title: 'output', cell: (row) => row.dtype },
  { title: 'shape', cell: (row) => showShape(row.shape) },
  { title: 'binary MACs', cell: (row) => blankZero(row.macs.binary, count), align: 'right' },
  { title: 'integer MACs', cell: (row) => blankZero(row.macs.integer, count), align: 'right' },
  { title: 'float MACs', cell: (row) => blankZero(row.macs.float, count), align: 'right' },
  { title: 'weight bytes', cell: (row) => blankZero(row.weightBytes, bytes), align: 'right' },
];
/** The columns that mean something in the last line. */
const TOTALLED = new Set(['layer', 'binary MACs', 'integer MACs', 'float MACs', 'weight bytes']);

/** A table of layers is mostly zeros; blanks let the numbers stand out. */
function blankZero(value: number, show: (value: number) => string): string {
  return value === 0 ? '' : show(value);
}

function describe(name: string, { dtype, shape }: Value) {
  return { name, dtype, shape };
}

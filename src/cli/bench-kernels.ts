/**
 * `bitplane bench kernels`: every kernel variant against the bound measured in the same process.
 * Not here: the measuring (runtime/kernel-bench.ts), whole models (bench.ts).
 */
import { type KernelRow, benchKernels as measure } from '../runtime/kernel-bench.js';
import type { BenchFlags } from './bench.js';
import { count, percent } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { type Elsewhere, refuseElsewhere } from './not-here.js';
import { type Block, table } from './table.js';
import { isQuiet, whileWaiting } from './waiting.js';

/** Options of `bench MODEL` that mean nothing for a kernel, and why. */
const ELSEWHERE: Elsewhere<BenchFlags> = [
  ['threads', '--threads', 'a kernel is measured on one thread'],
  ['batch', '--batch', 'a kernel is measured at the shapes of its table, one image each'],
  ['profile', '--profile', 'every row is one kernel already'],
  ['train', '--train', 'a kernel is measured by itself'],
  ['html', '--html', 'the page is about the runs of a model'],
  ['vs', '--vs', 'onnxruntime runs models, no single kernels'],
  ['lowBit', '--low-bit', 'every row is one kernel already'],
  ['task', '--task', 'it is about stores of networks'],
  ['signZero', '--sign-zero', 'it is about the Sign of an ONNX model'],
  ['input', '--input', 'a kernel is measured on numbers of its own'],
  ['maxNodes', '--max-nodes', 'it is about a model file'],
  ['shape', '--shape', 'it is about the inputs of a model file'],
  [
    'multiThresholdAxis',
    '--multi-threshold-axis',
    'it is about the MultiThreshold of an ONNX model',
  ],
];

/**
 * @throws BitplaneError ERR_NATIVE where the addon is missing, ERR_ISA where the machine lacks the
 * instruction set asked for, ERR_ARGUMENT for an option that means nothing here
 */
export async function benchKernels(flags: BenchFlags, io: Io): Promise<void> {
  refuseElsewhere(flags, ELSEWHERE);
  const { isa, repeat } = flags;
  const work = () => measure({ isa, repeat });
  const rows = await whileWaiting(io, 'bench kernels', work, isQuiet(flags, io));
  if (flags.json === true) printJson(io, { kernels: rows });
  else printLines(io, kernelTable(rows));
}

export function kernelTable(rows: readonly KernelRow[]): Block {
  return table(
    [
      { title: 'kernel', cell: (row) => row.kernel },
      { title: 'isa', cell: (row) => row.isa },
      { title: 'shape', cell: (row) => row.shape },
      { title: 'rate', cell: (row) => `${count(row.rate)}${row.unit}/s`, align: 'right' },
      { title: 'bound', cell: (row) => `${count(row.bound)}${row.unit}/s`, align: 'right' },
      { title: 'share', cell: (row) => percent(100 * row.share), align: 'right' },
      {
        title: 'x fp32 FMA (256 bit)',
        cell: (row) => (row.timesFma256 === undefined ? '' : row.timesFma256.toFixed(1)),
        align: 'right',
      },
    ],
    rows,
  );
}

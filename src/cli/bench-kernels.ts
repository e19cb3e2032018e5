/**
 * `bitplane bench kernels`: every kernel variant against the bound measured in the same process. Not here: the measuring
 * (runtime/kernel-bench.ts), whole models (bench.ts).
 */
import { type KernelRow, benchKernels as measure } from '../runtime/kernel-bench.js';
import { count, percent } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { table } from './table.js';

/** @throws BitplaneError ERR_NATIVE where the addon is missing */
export async function benchKernels(flags: { readonly json?: boolean }, io: Io): Promise<void> {
  const rows = await measure();
  if (flags.json === true) printJson(io, { kernels: rows });
  else printLines(io, kernelTable(rows));
}

export function kernelTable(rows: readonly KernelRow[]): string {
  return table(
    [
      { title: 'kernel', cell: (row) => row.kernel },
      { title: 'isa', cell: (row) => row.isa },
      { title: 'shape', cell: (row) => row.shape },
      { title: 'rate', cell: (row) => `${count(row.rate)}${row.unit}/s`, align: 'right' },
      { title: 'bound', cell: (row) => `${count(row.bound)}${row.unit}/s`, align: 'right' },
      { title: 'share', cell: (row) => percent(100 * row.share), align: 'right' },
      { title: 'x fp32 FMA (256 bit)', cell: (row) => (row.timesFma256 === undefined ? '' : row.timesFma256.toFixed(1)), align: 'right' },
    ],
    rows,
  );
}

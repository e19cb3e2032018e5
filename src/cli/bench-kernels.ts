/**
 * `bitplane bench kernels`: every kernel variant against the bound measured in the same process. The addon does the timing and
 * says what it measured; this prints it. Not here: whole models (bench.ts).
 */
import { BitplaneError } from '../core/errors.js';
import { addon } from '../native/addon.js';
import { count, percent } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { table } from './table.js';

/** One kernel variant at one shape. Rates are operations (multiply-accumulates where the kernel has them) per second. */
export interface KernelRow {
  readonly kernel: string;
  readonly isa: string;
  readonly shape: string;
  readonly rate: number;
  /** What this core could do at best, measured in the same process. */
  readonly bound: number;
  /** rate / bound. */
  readonly share: number;
}

/** @throws BitplaneError ERR_NATIVE where the addon is missing or was built without the kernel benchmark */
export function kernelRows(): KernelRow[] {
  const { benchKernels } = addon();
  if (benchKernels === undefined)
    throw new BitplaneError('ERR_NATIVE', 'this build of the addon has no kernel benchmark; run `npm run build:native`');
  return JSON.parse(benchKernels()) as KernelRow[];
}

export function benchKernels(flags: { readonly json?: boolean }, io: Io): void {
  const rows = kernelRows();
  if (flags.json === true) printJson(io, { kernels: rows });
  else printLines(io, kernelTable(rows));
}

export function kernelTable(rows: readonly KernelRow[]): string {
  return table(
    [
      { title: 'kernel', cell: (row) => row.kernel },
      { title: 'isa', cell: (row) => row.isa },
      { title: 'shape', cell: (row) => row.shape },
      { title: 'rate', cell: (row) => `${count(row.rate)}/s`, align: 'right' },
      { title: 'bound', cell: (row) => `${count(row.bound)}/s`, align: 'right' },
      { title: 'share', cell: (row) => percent(100 * row.share), align: 'right' },
    ],
    rows,
  );
}

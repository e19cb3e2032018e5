/**
 * `bitplane bench kernels`: every kernel variant against the bound measured in the same process. The addon does the timing and
 * says what it measured; this prints it. Not here: whole models (bench.ts).
 */
import { BitplaneError } from '../core/errors.js';
import { addon } from '../native/addon.js';
import { type Io, printJson, printLines } from './io.js';
import { type Column, table } from './table.js';

/** One kernel variant at one shape. */
export type KernelRow = Readonly<Record<string, string | number>>;

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

/** A column for every field that any row has, in order of appearance. */
export function kernelTable(rows: readonly KernelRow[]): string {
  const fields = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const numeric = (field: string) => rows.every((row) => row[field] === undefined || typeof row[field] === 'number');
  return table(
    fields.map(
      (field): Column<KernelRow> => ({ title: field, cell: (row) => cellText(row[field]), align: numeric(field) ? 'right' : 'left' }),
    ),
    rows,
  );
}

function cellText(value: string | number | undefined): string {
  if (typeof value !== 'number') return value ?? '';
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

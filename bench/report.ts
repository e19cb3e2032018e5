/**
 * A measurement beside its goal, and the table of them. Not here: measuring.
 */

export interface Row {
  /** What was measured, e.g. '256 channels at 14x14: onnxruntime fp32 / bitplane'. */
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The goal: at least `min` or at most `max`. Absent in a row that only informs. */
  readonly goal?: { readonly min: number } | { readonly max: number };
  /** Raw numbers and conditions behind the value. */
  readonly note?: string;
}

/**
 * A workload measures and yields rows; it throws a Skip if this machine or clone lacks something it
 * needs.
 */
export interface Workload {
  readonly name: string;
  rows(): Promise<Row[]>;
}

/** Thrown by a workload that cannot run here; the message says what is missing. */
export class Skip extends Error {}

export function met(row: Row): boolean | undefined {
  if (row.goal === undefined) return undefined;
  return 'min' in row.goal ? row.value >= row.goal.min : row.value <= row.goal.max;
}

/** Rows as text columns, aligned. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    `${row.unit === '%' ? row.value.toFixed(2) : digits(row.value)} ${row.unit}`.trim(),
    formatGoal(row),
    verdict(row),
    row.note ?? '',
  ]);
  const table = [['what', 'measured', 'goal', '', 'note'], ...cells];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...table.map((line) => (line[column] as string).length)),
  );
  return table
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function formatGoal(row: Row): string {
  if (row.goal === undefined) return '';
  return 'min' in row.goal ? `>= ${row.goal.min}` : `<= ${row.goal.max}`;
}

function verdict(row: Row): string {
  const ok = met(row);
  return ok === undefined ? '' : ok ? 'met' : 'missed';
}

function digits(value: number): string {
  return Math.abs(value) >= 100
    ? value.toFixed(0)
    : Math.abs(value) >= 10
      ? value.toFixed(1)
      : value.toFixed(2);
}

/**
 * Tables for people: columns as wide as their widest cell, numbers to the right, two spaces
 * between. Not here: what a number looks like (format.ts).
 */

export interface Column<R> {
  readonly title: string;
  readonly cell: (row: R) => string;
  /** Default left. */
  readonly align?: 'left' | 'right';
}

/** A header, a rule, a line a row. Lines carry no trailing blanks. */
export function table<R>(columns: readonly Column<R>[], rows: readonly R[]): string {
  const cells = rows.map((row) => columns.map((column) => visible(column.cell(row))));
  const widths = columns.map((column, i) =>
    cells.reduce((most, line) => Math.max(most, (line[i] as string).length), column.title.length),
  );
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) =>
        columns[i]?.align === 'right'
          ? text.padStart(widths[i] as number)
          : text.padEnd(widths[i] as number),
      )
      .join('  ')
      .trimEnd();
  const header = line(columns.map((column) => column.title));
  return [header, line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

/** `name  value` lines with the values aligned. */
export function facts(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = rows.reduce((most, [name]) => Math.max(most, name.length), 0);
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${visible(value)}`).join('\n');
}

/**
 * Names come from a stranger's file: characters that move the cursor, change colours or turn the
 * direction of writing are shown as their numbers.
 */
function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Bidi_Control}]/gu,
    (one) => `\\u${(one.codePointAt(0) as number).toString(16).padStart(4, '0')}`,
  );
}

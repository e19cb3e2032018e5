/**
 * Tables for people: columns as wide as their widest cell, numbers to the right, two spaces
 * between. A table fits the line that it is printed to: columns without a cell are left out, heads
 * are broken, long texts lose their middle, columns that can be spared are left out, and what is
 * still too wide becomes several tables below one another, each with the first column. Not here:
 * what a number looks like (format.ts).
 */
import type { Look } from './look.js';

export interface Column<R> {
  readonly title: string;
  readonly cell: (row: R) => string;
  /** Default left. */
  readonly align?: 'left' | 'right';
  /** The texts are never shortened, as numbers are not. */
  readonly whole?: boolean;
  /** Left out where the table is too wide, the last of several first. */
  readonly spare?: boolean;
  /** Characters that a text keeps as long as there are columns to spare. */
  readonly least?: number;
}

/** Text that is laid out where it is printed. */
export interface Block {
  layOut(look: Look): string;
}

/** What a column has come to: texts without control characters. */
interface Strip {
  readonly title: string;
  readonly right: boolean;
  readonly whole: boolean;
  readonly spare: boolean;
  readonly least: number;
  readonly cells: readonly string[];
  readonly width: number;
}

const GAP = '  ';
const DOTS = '...';
/** Texts are shortened to no less than this: what is left of them would say too little. */
const LEAST_TEXT = 14;
/** The same of a table that becomes several anyway. */
const LEAST_OF_PARTS = 24;

/** A header, a rule, a line a row. Lines carry no trailing blanks. */
export function table<R>(columns: readonly Column<R>[], rows: readonly R[]): Block {
  const strips = columns.map(({ title, cell, align, whole, spare, least }): Strip => {
    const cells = rows.map((row) => visible(cell(row)));
    const right = align === 'right';
    return {
      title,
      right,
      whole: right || whole === true,
      spare: spare === true,
      least: least ?? 0,
      cells,
      width: widest([title, ...cells]),
    };
  });
  return {
    layOut(look) {
      if (total(strips) <= look.width) return print(strips, look);
      const said = strips.filter(({ cells }, i) => i === 0 || cells.some((cell) => cell !== ''));
      for (let at = 0; at >= 0; ) {
        at = said.findLastIndex(({ spare }) => spare);
        const fitted = shortened(said, look.width, LEAST_TEXT, at >= 0);
        if (total(fitted) <= look.width) return print(fitted, look);
        if (at >= 0) said.splice(at, 1);
      }
      return inParts(shortened(said, look.width, LEAST_OF_PARTS), look.width)
        .map((part) => print(part, look))
        .join('\n\n');
    },
  };
}

/** `name  value` lines with the values aligned; long values go on below themselves. */
export function facts(rows: readonly (readonly [name: string, value: string])[]): Block {
  const width = rows.reduce((most, [name]) => Math.max(most, name.length), 0);
  return {
    layOut(look) {
      const room = Math.max(LEAST_TEXT, look.width - width - GAP.length);
      return rows
        .map(([name, value]) => {
          const lines = wrapped(visible(value), room).join(`\n${' '.repeat(width)}${GAP}`);
          return `${look.dim(name)}${' '.repeat(width - name.length)}${GAP}${lines}`;
        })
        .join('\n');
    },
  };
}

/** Sentences, broken where the line ends. */
export function prose(text: string): Block {
  return { layOut: ({ width }) => wrapped(text, width).join('\n') };
}

function print(strips: readonly Strip[], look: Look): string {
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => {
        const { right, width } = strips[i] as Strip;
        return right ? text.padStart(width) : text.padEnd(width);
      })
      .join(GAP)
      .trimEnd();
  const heads = strips.map(({ title, width }) => wrapped(title, width));
  const height = heads.reduce((most, { length }) => Math.max(most, length), 0);
  // Heads of one line stand right above the rule.
  const header = Array.from({ length: height }, (_, i) =>
    look.bold(line(heads.map((head) => head[i - height + head.length] ?? ''))),
  );
  const rows = (strips[0] as Strip).cells.map((_, row) =>
    line(strips.map(({ cells }) => cells[row] as string)),
  );
  return [...header, look.dim(line(strips.map(({ width }) => '-'.repeat(width)))), ...rows].join(
    '\n',
  );
}

/**
 * First heads are broken at blanks, then the widest texts shortened, until the table fits.
 * @param sparing true: no text to fewer characters than its column says
 */
function shortened(
  strips: readonly Strip[],
  room: number,
  least: number,
  sparing = false,
): Strip[] {
  const leastOf = (strip: Strip) => Math.max(least, sparing ? strip.least : 0);
  const narrow = strips.map((strip) => ({
    ...strip,
    width: widest([...strip.title.split(' '), ...strip.cells]),
  }));
  let excess = total(narrow) - room;
  while (excess > 0) {
    const long = narrow.filter((strip) => !strip.whole && strip.width > leastOf(strip));
    if (long.length === 0) break;
    const widths = long.map(({ width }) => width).sort((a, b) => b - a);
    const most = widths[0] as number;
    const those = long.filter(({ width }) => width === most);
    const floor = those.reduce((most, strip) => Math.max(most, leastOf(strip)), 0);
    const next = Math.max(widths.find((width) => width < most) ?? floor, floor);
    const less = Math.min(most - next, Math.ceil(excess / those.length));
    for (const strip of those) strip.width -= less;
    excess = total(narrow) - room;
  }
  return narrow.map((strip) => ({
    ...strip,
    cells: strip.cells.map((cell) => withoutMiddle(cell, strip.width)),
  }));
}

/** Tables of at most `room`, where a single column allows it, that repeat the first column. */
function inParts(strips: readonly Strip[], room: number): Strip[][] {
  const [first, ...others] = strips as [Strip, ...Strip[]];
  const parts: Strip[][] = [[first]];
  for (const strip of others) {
    const part = parts.at(-1) as Strip[];
    if (part.length > 1 && total([...part, strip]) > room) parts.push([first, strip]);
    else part.push(strip);
  }
  return parts;
}

function withoutMiddle(text: string, width: number): string {
  if (text.length <= width) return text;
  const kept = width - DOTS.length;
  const tail = Math.ceil(kept / 2);
  return text.slice(0, kept - tail) + DOTS + text.slice(text.length - tail);
}

/** Lines of at most `width`, broken at blanks; a longer word has a line of its own. */
function wrapped(text: string, width: number): string[] {
  if (text.length <= width) return [text];
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const widest = (texts: readonly string[]) =>
  texts.reduce((most, text) => Math.max(most, text.length), 0);

const total = (strips: readonly Strip[]) =>
  strips.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length);

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

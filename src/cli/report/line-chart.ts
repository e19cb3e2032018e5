/**
 * Lines over whole numbers, such as losses over epochs, as SVG text. Not here: bars and histograms
 * (./svg.ts).
 */
import { escapeHtml, svg } from './svg.js';

export interface Line {
  readonly name: string;
  /** One a place of x; null, or what is not finite, leaves a gap. */
  readonly values: readonly (number | null)[];
}

export interface LineChart {
  readonly title: string;
  /** Where the values lie, rising. */
  readonly x: readonly number[];
  /** At most two: the page has two colours. */
  readonly lines: readonly Line[];
  /** Vertical lines with a name, at a place of x. */
  readonly marks?: readonly { readonly at: number; readonly name: string }[] | undefined;
}

const SIZE = { width: 420, height: 220, left: 44, right: 10, top: 24, bottom: 22 };
/** About so many lines of a grid. */
const TICKS = 5;

export function lineChart({ title, x, lines, marks = [] }: LineChart): string {
  const { width, height, left, right, top, bottom } = SIZE;
  const [low, high] = rangeOf(lines.flatMap(({ values }) => values.filter(isNumber)));
  const [first, last] = [x[0] ?? 0, x.at(-1) ?? 1];
  const span = last - first || 1;
  const px = (value: number) => left + ((value - first) / span) * (width - left - right);
  const py = (value: number) => top + (1 - (value - low) / (high - low)) * (height - top - bottom);
  const base = height - bottom;

  const grid = ticks(low, high, TICKS).map(
    (value) =>
      `<line class="a" x1="${left}" x2="${width - right}" y1="${f(py(value))}" ` +
      `y2="${f(py(value))}"/><text class="l" x="${left - 4}" y="${f(py(value))}">` +
      `${tickText(value)}</text>`,
  );
  const places = ticks(first, last, TICKS)
    .filter(Number.isInteger)
    .map((value) => `<text class="m" x="${f(px(value))}" y="${base + 14}">${value}</text>`);
  const borders = marks.map(
    ({ at, name }) =>
      `<line class="c" x1="${f(px(at))}" x2="${f(px(at))}" y1="${top}" y2="${base}"/>` +
      `<text x="${f(px(at) + 3)}" y="${top + 9}">${escapeHtml(name)}</text>`,
  );
  const legend = lines.map(
    ({ name }, s) =>
      `<rect class="s${s}" x="${left + s * 120}" y="4" width="10" height="10"/>` +
      `<text x="${left + s * 120 + 14}" y="13">${escapeHtml(name)}</text>`,
  );
  const drawn = lines.map(({ values }, s) => {
    const runs = runsOf(values).map((run) =>
      run.length === 1
        ? `<circle class="s${s}" cx="${f(px(x[run[0] as number] as number))}" ` +
          `cy="${f(py(values[run[0] as number] as number))}" r="2"/>`
        : `<polyline class="s${s}" points="${run
            .map((i) => `${f(px(x[i] as number))},${f(py(values[i] as number))}`)
            .join(' ')}"/>`,
    );
    return runs.join('');
  });
  return svg(width, height, title, [...grid, ...places, ...borders, ...legend, ...drawn]);
}

function isNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

/** The least and greatest value, with a little room; never equal. */
function rangeOf(values: readonly number[]): readonly [low: number, high: number] {
  if (values.length === 0) return [0, 1];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  return [low - room, high + room];
}

/** Multiples of 1, 2 or 5 times a power of ten within a range. */
function ticks(low: number, high: number, about: number): number[] {
  const rough = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const from = Math.ceil(low / step);
  const count = Math.floor(high / step) - from + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (from + i) * step);
}

/** Indices of values that follow each other without a gap. */
function runsOf(values: readonly (number | null)[]): number[][] {
  const runs: number[][] = [];
  let open: number[] | undefined;
  for (const [i, value] of values.entries()) {
    if (!isNumber(value)) open = undefined;
    else if (open === undefined) {
      open = [i];
      runs.push(open);
    } else open.push(i);
  }
  return runs;
}

function f(value: number): string {
  return value.toFixed(1);
}

function tickText(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/**
 * Charts as SVG text: data in, string out. Not here: the page around them (./page.ts), colours
 * (the page's style sheet names them).
 */

/** Text for HTML and SVG: names come from models, which may be a stranger's. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}

export interface BarRow {
  readonly label: string;
  /** One a series; null leaves the place empty. */
  readonly values: readonly (number | null)[];
}

export interface BarChart {
  readonly title: string;
  readonly unit: string;
  /** Their names, in the order of the values. */
  readonly series: readonly string[];
  readonly rows: readonly BarRow[];
}

const LABEL = 260;
const PLOT = 520;
const BAR = 9;
const GAP = 6;
const MOST_LABEL = 40;

/** Horizontal bars from 0, a group a row. Values that are not finite reach the end. */
export function barChart({ title, unit, series, rows }: BarChart): string {
  const finite = rows.flatMap(({ values }) => values.filter((v): v is number => isFiniteNumber(v)));
  const most = finite.reduce((a, b) => Math.max(a, b), 0) || 1;
  const step = series.length * BAR + GAP;
  const top = 24;
  const height = top + rows.length * step + 24;
  const width = LABEL + PLOT + 70;
  const x = (value: number) => (Math.max(0, Math.min(1, value / most)) * PLOT).toFixed(1);
  const legend = series.map(
    (name, s) =>
      `<rect class="s${s}" x="${LABEL + s * 160}" y="4" width="10" height="10"/>` +
      `<text x="${LABEL + s * 160 + 14}" y="13">${escapeHtml(name)}</text>`,
  );
  const bars = rows.map(({ label, values }, r) => {
    const y = top + r * step;
    const shown = label.length > MOST_LABEL ? `...${label.slice(3 - MOST_LABEL)}` : label;
    const parts = values.map((value, s) => {
      if (value === null || Number.isNaN(value)) return '';
      const length = Number.isFinite(value) ? x(value) : x(most);
      const text = Number.isFinite(value) ? value.toFixed(1) : 'exact';
      const at = y + s * BAR;
      return (
        `<rect class="s${s}" x="${LABEL}" y="${at}" width="${length}" height="${BAR - 1}"/>` +
        `<text class="n" x="${LABEL + Number(length) + 4}" y="${at + BAR - 1}">${text}</text>`
      );
    });
    return (
      `<text class="l" x="${LABEL - 6}" y="${y + step / 2}">${escapeHtml(shown)}` +
      `<title>${escapeHtml(label)}</title></text>${parts.join('')}`
    );
  });
  return svg(width, height, `${title}, in ${unit}`, [...legend, ...bars]);
}

export interface HistogramChart {
  readonly title: string;
  readonly lo: number;
  readonly width: number;
  readonly counts: readonly number[];
  /** Where numbers are clipped: marked where within the chart. */
  readonly clip: { readonly lo: number; readonly hi: number };
}

const HISTOGRAM = { width: 420, height: 150, left: 8, bottom: 22, top: 8 };

/** Counts by their logarithm, so that rare numbers at the ends can be seen. */
export function histogramChart({ title, lo, width, counts, clip }: HistogramChart): string {
  const { left, bottom, top } = HISTOGRAM;
  const plotWidth = HISTOGRAM.width - 2 * left;
  const plotHeight = HISTOGRAM.height - bottom - top;
  const hi = lo + width * counts.length;
  // What a code can stand for beyond the numbers is shown too, up to as much again.
  const span = hi - lo;
  const from = Math.max(Math.min(lo, clip.lo), lo - span / 2);
  const to = Math.min(Math.max(hi, clip.hi), hi + span / 2);
  const x = (value: number) => left + ((value - from) / (to - from)) * plotWidth;
  const most = Math.log1p(counts.reduce((a, b) => Math.max(a, b), 1));
  const bars = counts.map((count, i) => {
    if (count === 0) return '';
    const height = (Math.log1p(count) / most) * plotHeight;
    const at = x(lo + i * width);
    const w = Math.max(0.5, x(lo + (i + 1) * width) - at);
    const y = top + plotHeight - height;
    return `<rect class="s0" x="${f(at)}" y="${f(y)}" width="${f(w)}" height="${f(height)}"/>`;
  });
  const base = top + plotHeight;
  const ends = [clip.lo, clip.hi].flatMap((value) =>
    value < from || value > to
      ? []
      : [`<line class="c" x1="${f(x(value))}" x2="${f(x(value))}" y1="${top}" y2="${base}"/>`],
  );
  const ticks = [from, 0, to]
    .filter((value, i) => i !== 1 || (value > from + span * 0.1 && value < to - span * 0.1))
    .map((value) => {
      const anchor = value === from ? 'start' : value === to ? 'end' : 'middle';
      const place = `x="${f(x(value))}" y="${base + 14}"`;
      return `<text style="text-anchor:${anchor}" ${place}>${short(value)}</text>`;
    });
  const axis = `<line class="a" x1="${left}" x2="${left + plotWidth}" y1="${base}" y2="${base}"/>`;
  return svg(HISTOGRAM.width, HISTOGRAM.height, title, [...bars, axis, ...ends, ...ticks]);
}

/** A chart of `parts`, which are SVG text; browsers show `title` where the pointer rests. */
export function svg(
  width: number,
  height: number,
  title: string,
  parts: readonly string[],
): string {
  return (
    `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">` +
    `<title>${escapeHtml(title)}</title>${parts.join('')}</svg>`
  );
}

function isFiniteNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

function f(value: number): string {
  return value.toFixed(1);
}

function short(value: number): string {
  return value === 0 ? '0' : Number(value.toPrecision(3)).toString();
}

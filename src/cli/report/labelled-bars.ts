/**
 * Horizontal bars, each under its own label, so that a chart is narrow enough to be read on a
 * phone; as SVG text. Not here: groups of bars over wide pages (./svg.ts).
 */
import { escapeHtml, svg } from './svg.js';

export interface LabelledBar {
  readonly label: string;
  readonly value: number;
  /** The value with its unit. */
  readonly text: string;
  /** Where most of the measured values lie: a line over the bar's end. */
  readonly spread?: { readonly lo: number; readonly hi: number };
  /** Which of the page's three colours. Default: the first. */
  readonly colour?: 0 | 1 | 2;
}

const WIDTH = 360;
/** What is left for bars beside the texts of their values. */
const PLOT = 270;
const ROW = 30;
const BAR = 10;
const MOST_LABEL = 52;
const FONT = 'font-size:11px';

/** Bars from 0 to the greatest value. */
export function labelledBars(title: string, bars: readonly LabelledBar[]): string {
  const most = bars.reduce((top, { value, spread }) => Math.max(top, value, spread?.hi ?? 0), 0);
  const x = (value: number) => (most === 0 ? 0 : (Math.max(0, value) / most) * PLOT);
  const parts = bars.map(({ label, value, text, spread, colour = 0 }, i) => {
    const y = i * ROW;
    const end = Math.max(x(value), spread === undefined ? 0 : x(spread.hi));
    const shown = label.length > MOST_LABEL ? `...${label.slice(3 - MOST_LABEL)}` : label;
    const middle = y + 15 + BAR / 2;
    const line =
      spread === undefined
        ? ''
        : `<line x1="${f(x(spread.lo))}" x2="${f(x(spread.hi))}" y1="${middle}" y2="${middle}" ` +
          'style="stroke:var(--fg);stroke-width:2"/>';
    return (
      `<text style="${FONT}" x="0" y="${y + 11}">${escapeHtml(shown)}` +
      `<title>${escapeHtml(label)}</title></text>` +
      `<rect class="s${colour}" x="0" y="${y + 15}" width="${f(x(value))}" height="${BAR}"/>` +
      `${line}<text style="${FONT}" x="${f(end + 4)}" y="${y + 24}">${escapeHtml(text)}</text>`
    );
  });
  return svg(WIDTH, Math.max(ROW, bars.length * ROW), title, parts);
}

function f(value: number): string {
  return value.toFixed(1);
}

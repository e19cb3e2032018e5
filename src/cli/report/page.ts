/**
 * A page that is one file: styles, scripts and charts within it, nothing from a network, which its
 * policy also forbids. Not here: charts (./svg.ts), what a command writes on its page.
 */
import { escapeHtml } from './svg.js';

export interface Section {
  readonly title: string;
  /** HTML; texts in it are escaped by whoever made it. */
  readonly body: string;
}

const STYLE = `
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--line:#d5dae0;--s0:#3b6fb6;--s1:#d98632;
--s2:#3f8f5f;--clip:#b3261e}
@media (prefers-color-scheme:dark){:root{--fg:#e6e8ea;--bg:#16191d;--line:#3a4149;--s0:#7aa7e6;
--s1:#e8a866;--s2:#79c79b;--clip:#ff8a80}}
body{font:14px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:2rem auto;
max-width:70rem;padding:0 1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.15rem .6rem;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}
table.facts td{white-space:normal;overflow-wrap:anywhere}
table.facts td:first-child{white-space:nowrap;overflow-wrap:normal;vertical-align:top}
th{cursor:pointer}td.r,th.r{text-align:right}.scroll{overflow-x:auto}
.grid{display:flex;flex-wrap:wrap;gap:1rem}.grid figure{margin:0;width:420px;max-width:100%}
img{image-rendering:pixelated;margin:0 2px 2px 0}
figcaption{font-size:.85rem;overflow-wrap:anywhere}
svg{max-width:100%;height:auto}svg text{font-size:9px;fill:var(--fg)}
svg text.l{text-anchor:end;dominant-baseline:middle}svg text.m{text-anchor:middle}
svg .s0{fill:var(--s0)}svg .s1{fill:var(--s1)}svg .s2{fill:var(--s2)}svg line.a{stroke:var(--line)}
svg polyline.s0{fill:none;stroke:var(--s0)}svg polyline.s1{fill:none;stroke:var(--s1)}
svg line.c{stroke:var(--clip);stroke-width:1.5;stroke-dasharray:4 2}
`;

/** Sorts a table by the column whose head is clicked, by numbers where cells say them. */
const SCRIPT = `
for (const head of document.querySelectorAll('th')) head.addEventListener('click', () => {
  const body = head.closest('table').tBodies[0], column = head.cellIndex;
  const down = head.dataset.down !== 'yes';
  head.dataset.down = down ? 'yes' : 'no';
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const order = (a, b) => {
    const [x, y] = [key(a), key(b)], n = Number(x) - Number(y);
    return (Number.isNaN(n) ? x.localeCompare(y) : n) * (down ? 1 : -1);
  };
  for (const row of [...body.rows].sort(order)) body.append(row);
});
`;

/** What a page has beside what all have; neither may hold texts of a model. */
export interface Extra {
  readonly style: string;
  readonly script: string;
}

export function page(
  title: string,
  sections: readonly Section[],
  { style, script }: Extra = { style: '', script: '' },
): string {
  const policy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escapeHtml(title)}</title>
<style>${STYLE}${style}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${sections.map((section) => `<h2>${escapeHtml(section.title)}</h2>\n${section.body}`).join('\n')}
<script>${SCRIPT}${script}</script>
</body>
</html>
`;
}

export interface HtmlColumn<R> {
  readonly title: string;
  readonly cell: (row: R) => string;
  /** What the column is sorted by, where that is not its text. */
  readonly value?: (row: R) => number | null;
  readonly align?: 'left' | 'right';
}

export function htmlTable<R>(columns: readonly HtmlColumn<R>[], rows: readonly R[]): string {
  const side = (column: HtmlColumn<R>) => (column.align === 'right' ? ' class="r"' : '');
  const head = columns.map((column) => `<th${side(column)}>${escapeHtml(column.title)}</th>`);
  const lines = rows.map((row) => {
    const cells = columns.map((column) => {
      const value = column.value?.(row);
      const sorted = value === undefined ? '' : ` data-value="${value ?? ''}"`;
      return `<td${side(column)}${sorted}>${escapeHtml(column.cell(row))}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  return (
    `<div class="scroll"><table><thead><tr>${head.join('')}</tr></thead>\n` +
    `<tbody>${lines.join('\n')}</tbody></table></div>`
  );
}

/** `name: value` lines. */
export function htmlFacts(rows: readonly (readonly [name: string, value: string])[]): string {
  const lines = rows.map(
    ([name, value]) => `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(value)}</td></tr>`,
  );
  return `<table class="facts"><tbody>${lines.join('\n')}</tbody></table>`;
}

/** Charts, or other HTML, side by side, each with its caption. */
export function htmlCharts(
  charts: readonly { readonly caption: string; readonly chart: string }[],
): string {
  const figures = charts.map(
    ({ caption, chart }) =>
      `<figure>${chart}<figcaption>${escapeHtml(caption)}</figcaption></figure>`,
  );
  return `<div class="grid">${figures.join('\n')}</div>`;
}

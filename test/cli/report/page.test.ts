/** Pages and charts of reports: text that is escaped, charts that a browser draws. */
import { describe, expect, test } from 'vitest';
import { htmlCharts, htmlFacts, htmlTable, page } from '../../../src/cli/report/page.js';
import { barChart, histogramChart } from '../../../src/cli/report/svg.js';
import { findChromium, inBrowser, isWellFormed } from './chromium.js';

const EVIL = '<script>alert("1")</script>&\'';
const bars = barChart({
  title: EVIL,
  unit: 'dB',
  series: ['weights', EVIL],
  rows: [
    { label: EVIL, values: [40, null] },
    { label: 'b'.repeat(100), values: [Infinity, 20] },
    { label: 'c', values: [-3, Number.NaN] },
  ],
});
const histogram = histogramChart({
  title: EVIL,
  lo: -1,
  width: 0.5,
  counts: [1, 0, 100, 7],
  clip: { lo: -0.8, hi: 3 },
});
const rows = [
  { name: 'a10', n: 2 },
  { name: 'a9', n: 10 },
  { name: EVIL, n: 1 },
];
const html = page(EVIL, [
  { title: EVIL, body: htmlFacts([[EVIL, EVIL]]) },
  {
    title: 'table',
    body: htmlTable(
      [
        { title: 'name', cell: (row) => row.name },
        { title: EVIL, cell: (row) => `${row.n} x`, value: (row) => row.n, align: 'right' },
      ],
      rows,
    ),
  },
  {
    title: 'charts',
    body: bars + htmlCharts([{ caption: EVIL, chart: histogram }]),
  },
]);

test('a name becomes an element, or an element is not closed', () => {
  for (const text of [bars, histogram]) {
    expect(isWellFormed(text)).toBe(true);
    expect(text).not.toContain('<script');
  }
  expect(html.match(/<script>/g)).toHaveLength(1);
  expect(html).not.toContain('alert("');
  expect(isWellFormed('<svg><g></svg></g>')).toBe(false);
});

test('a page asks a network for something', () => {
  expect(html).not.toMatch(/(src|href)=|url\(|@import|https?:/);
  expect(html).toContain("default-src 'none'");
});

test('bars are not as long as their values', () => {
  const lengths = [
    ...bars.matchAll(/<rect class="s\d" x="260" y="\d+" width="([\d.]+)" height="8"/g),
  ];
  // 40, infinite, 20, below 0; null and NaN have none.
  expect(lengths.map(([, width]) => Number(width))).toEqual([520, 520, 260, 0]);
  expect(bars).toContain('>exact<');
});

test('a histogram has another bar than its counts, or no mark where it clips', () => {
  const heights = [...histogram.matchAll(/<rect [^>]* height="([\d.]+)"/g)].map(([, h]) =>
    Number(h),
  );
  expect(heights).toHaveLength(3);
  expect(heights[1]).toBeGreaterThan(heights[2]!);
  expect(heights[2]).toBeGreaterThan(heights[0]!);
  // 3 lies more than half of the numbers' span beyond them, so it is not shown.
  expect(histogram.match(/<line class="c"/g)).toHaveLength(1);
});

test('charts of nothing are no charts', () => {
  const empty = barChart({ title: 'a', unit: 'dB', series: ['x'], rows: [] });
  const zeros = histogramChart({
    title: 'a',
    lo: 0,
    width: 1,
    counts: [5],
    clip: { lo: 0, hi: 0 },
  });
  for (const text of [empty, zeros]) {
    expect(isWellFormed(text)).toBe(true);
    expect(text).not.toMatch(/NaN|Infinity/);
  }
});

const chromium = findChromium();

describe.skipIf(chromium === undefined)('in a browser', { timeout: 90_000 }, () => {
  test('the console complains, a chart has no size, or a click does not sort', () => {
    const { result, console } = inBrowser(
      chromium as string,
      html,
      `const heads = document.querySelectorAll('th');
       const body = [...document.querySelectorAll('tbody')].at(-1);
       const first = () => body.rows[0].cells[0].textContent;
       const order = [first()];
       for (const column of [1, 1, 0]) { heads[column].click(); order.push(first()); }
       const sizes = [...document.querySelectorAll('svg')].map((svg) => {
         const { width, height } = svg.getBoundingClientRect();
         return width > 300 && height > 80;
       });
       const fill = getComputedStyle(document.querySelector('rect.s0')).fill;
       return { order, sizes, fill, title: document.title };`,
    );
    expect(console).toBe('');
    expect(result).toEqual({
      order: ['a10', EVIL, 'a9', EVIL],
      sizes: [true, true],
      fill: expect.stringMatching(/^rgb\((?!0, 0, 0)/),
      title: EVIL,
    });
  });
});

/**
 * Bars under their labels: lengths, spreads, and names that would be markup. Not here: pages.
 */
import { expect, test } from 'vitest';
import { labelledBars } from '../../../src/cli/report/labelled-bars.js';

const widths = (chart: string) =>
  [...chart.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));

test('bars are as long as their values, the longest reach the same place', () => {
  const chart = labelledBars('times', [
    { label: 'a', value: 1, text: '1 us' },
    { label: 'b', value: 4, text: '4 us', colour: 2 },
    { label: 'none', value: 0, text: '0 us' },
  ]);
  expect(widths(chart)).toEqual([67.5, 270, 0]);
  expect(chart).toContain('class="s2"');
  expect(chart).toMatch(/viewBox="0 0 360 90"/);
});

test('a spread lies where its ends do, and makes room for itself', () => {
  const chart = labelledBars('times', [
    { label: 'a', value: 5, text: '5 us', spread: { lo: 4, hi: 10 } },
  ]);
  expect(widths(chart)).toEqual([135]);
  expect(chart).toContain('x1="108.0" x2="270.0"');
});

test('names are text, and long ones keep their end', () => {
  const name = `<script>${'x'.repeat(60)}/conv`;
  const chart = labelledBars('a & b', [{ label: name, value: 1, text: '"1"' }]);
  expect(chart).not.toContain('<script>');
  expect(chart).toContain('<title>a &amp; b</title>');
  expect(chart).toMatch(/>\.\.\.x{44}\/conv</);
  expect(labelledBars('nothing', [])).toContain('viewBox="0 0 360 30"');
});

/** The picture of README is that of the run that is kept beside it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { drawn, picked, type Run } from '../../scripts/picture.mjs';
import { isWellFormed } from '../cli/report/chromium.js';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const run = JSON.parse(read('picture.json')) as Run;

test('docs/picture.svg shows other numbers than docs/picture.json has', () => {
  expect(read('picture.svg'), 'run npm run picture -- docs/picture.json').toBe(drawn(run));
});

test('a bar is not as long as its number', () => {
  const rows = [10, 4, 2, 3, 30].map((value, i) => {
    const { what, unit } = (run.results[0] as Run['results'][number]).rows[i] as {
      what: string;
      unit: string;
    };
    return { what, value, unit };
  });
  const svg = drawn({ machine: '<a & "b">', results: [{ workload: 'networks', rows }] });
  const lengths = [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, text]) => Number(text));
  // 10 ms beside 4 and 2 times as long; 30 MB beside 3.
  expect(lengths).toEqual([400, 200, 100, 400, 40]);
  expect(svg).toContain('>40.0 ms<');
  expect(isWellFormed(svg)).toBe(true);
});

test('a run without a row that is needed is drawn', () => {
  const [first] = run.results;
  const rows = first?.rows.slice(1) ?? [];
  expect(() => picked({ ...run, results: [{ workload: 'networks', rows }] })).toThrow(
    'the run has no row "Bi-Real-18, one thread"',
  );
});

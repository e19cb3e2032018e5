/** The page of a network: lines beside the rows, costs, names that are text. */
import { describe, expect, test } from 'vitest';
import { networkNodes } from '../../../src/cli/network-nodes.js';
import { lanesOf } from '../../../src/cli/report/lanes.js';
import { networkPage } from '../../../src/cli/report/network-page.js';
import { GraphBuilder } from '../../../src/ops/builder.js';
import { Tensor } from '../../../src/tensor/tensor.js';
import { findChromium, inFrames, isWellFormed } from './chromium.js';

const EVIL = '<script>alert("1")</script>&\'';

describe('lanesOf', () => {
  test('a chain is not one straight line', () => {
    expect(lanesOf([[], [0], [1], [2]])).toEqual({ lane: [0, 0, 0, 0], count: 1 });
  });
  test('a shortcut crosses the rows that it passes', () => {
    // 0 is read by 1 and by 3.
    expect(lanesOf([[], [0], [1], [2, 0], [3]])).toEqual({ lane: [0, 1, 1, 0, 0], count: 2 });
  });
  test('a row that nobody reads keeps its lane', () => {
    expect(lanesOf([[], [], [0], [1, 2]])).toEqual({ lane: [0, 1, 0, 0], count: 2 });
    expect(lanesOf([[], [0], [0]])).toEqual({ lane: [0, 1, 0], count: 2 });
  });
  test('values that are alive at once share a lane', () => {
    for (let seed = 1; seed <= 10; seed++) {
      let state = seed;
      const random = (n: number) => {
        state = (state * 48271) % 2147483647;
        return state % n;
      };
      const from = Array.from({ length: 40 }, (_, row) =>
        row === 0 ? [] : [...new Set([random(row), random(row)])],
      );
      const { lane } = lanesOf(from);
      const last = from.map((_, row) =>
        Math.max(row, ...from.flatMap((r, i) => (r.includes(row) ? [i] : []))),
      );
      for (const [a, end] of last.entries())
        for (let b = a + 1; b < end; b++) expect(lane[b]).not.toBe(lane[a]);
    }
  });
});

function network() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 8, 8, 64]);
  const weights = g.constant(new Tensor('b1', new Uint8Array(4608), [64, 3, 3, 64]));
  const dots = g.conv2d(g.sign(x), weights, { pads: [1, 1, 1, 1], name: EVIL });
  return g.graph([x], { [EVIL]: g.add(g.cast(dots, 'f32'), x, { name: 'sum' }) });
}
const nodes = networkNodes(network(), new Map([[EVIL, EVIL]]));
const html = networkPage({ title: EVIL, about: [[EVIL, EVIL]], nodes });

test('a node reads others than it does, or costs something else', () => {
  expect(nodes.map(({ op, from }) => [op, from])).toEqual([
    ['input', []],
    ['sign', [0]],
    ['conv2d', [1]],
    ['cast', [2]],
    ['add', [3, 0]],
  ]);
  expect(nodes[2]).toMatchObject({
    weightDtype: 'b1',
    constants: ['b1 [64, 3, 3, 64]'],
    macs: { binary: 64 * 64 * 9 * 64, integer: 0, float: 0 },
    weightBytes: 4608,
    kernel: EVIL,
  });
  expect(nodes[4]?.outputs).toEqual([EVIL]);
  expect(html).toContain('2.36 M binary, 100.00 %');
  expect(html).toContain('<li id="n2" class="k1"');
});

test('a name becomes an element, or the page asks a network', () => {
  expect(html.match(/<script>/g)).toHaveLength(1);
  expect(html).not.toContain('alert("');
  expect(html).not.toMatch(/src=|url\(|@import|https?:|href="(?!#)/);
  expect(isWellFormed(/<svg[\s\S]*<\/svg>/.exec(html)?.[0] as string)).toBe(true);
});

const chromium = findChromium();

describe.skipIf(chromium === undefined)('in a browser', { timeout: 90_000 }, () => {
  /** A thousand nodes with shortcuts, the last one read by none. */
  const many = Array.from({ length: 1000 }, (_, i) => ({
    ...(nodes[1] as (typeof nodes)[number]),
    name: `stage${Math.floor(i / 100)}/a-name-that-is-longer-than-a-phone-is-wide/${i}`,
    from: i === 0 ? [] : i > 7 && i % 4 === 0 ? [i - 1, i - 7] : [i - 1],
  }));
  const large = networkPage({
    title: 'a'.repeat(200),
    about: [['b', 'c'.repeat(300)]],
    nodes: many,
  });
  let known: ReturnType<typeof inFrames> | undefined;
  /** One browser answers all tests. */
  const answers = () => {
    known ??= inFrames(
      chromium as string,
      [html, large],
      `const box = document.querySelector('.find input');
       const began = performance.now();
       for (const text of ['s', 'st', 'stage', '9']) {
         box.value = text;
         box.dispatchEvent(new Event('input'));
         document.body.getBoundingClientRect();
       }
       const ms = performance.now() - began;
       const found = document.querySelector('.find output').value;
       const rows = [...document.querySelectorAll('.net li')];
       rows[2].querySelector('button').click();
       const sheet = document.querySelector('#sheet');
       const said = sheet.textContent;
       const lines = document.querySelectorAll('path.on').length;
       sheet.querySelector('a').click();
       return { ms, found, said, lines, next: sheet.querySelector('dd').textContent,
         scroll: document.documentElement.scrollWidth, width: innerWidth,
         dark: getComputedStyle(document.body).backgroundColor,
         names: rows.slice(0, 3).map((row) => row.querySelector('b').textContent) };`,
      { width: 390, dark: true },
    );
    return known;
  };

  test('a phone scrolls sideways, dark is not dark, or the console complains', () => {
    expect(answers().console).toBe('');
    for (const answer of answers().results)
      expect(answer).toMatchObject({ scroll: 390, width: 390, dark: 'rgb(22, 25, 29)' });
  });

  test('a row does not say what it is, or names no way to what it reads', () => {
    expect(answers().results[0]).toMatchObject({
      names: ['x', nodes[1]?.name, EVIL],
      said: expect.stringContaining(`name${EVIL}`),
      lines: 2,
      next: nodes[1]?.name,
    });
  });

  test('a search among a thousand nodes finds others, or takes longer than anyone waits', () => {
    // 9, 19, ... 99 and 90 to 98 of each hundred, and all of the last.
    const count = many.filter(({ name }) => name.includes('9')).length;
    expect(answers().results[1]).toMatchObject({ found: `${count} of 1000` });
    expect((answers().results[1] as { ms: number }).ms).toBeLessThan(2000);
  });
});

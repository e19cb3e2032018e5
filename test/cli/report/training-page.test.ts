/** The page of a training: curves at their values, the matrix at its counts, the right pictures. */
import { inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { heatMap } from '../../../src/cli/report/heat-map.js';
import { lineChart } from '../../../src/cli/report/line-chart.js';
import { encodePng } from '../../../src/cli/report/png.js';
import { trainingPage } from '../../../src/cli/report/training-page.js';
import { pictureSet } from '../../../src/data/index.js';
import { findChromium, inBrowser, isWellFormed } from './chromium.js';
import { data, EVIL, labels, predictions } from './training-fixture.js';

describe('lineChart', () => {
  const chart = (values: (number | null)[], x = values.map((_, i) => i + 1)) =>
    lineChart({ title: EVIL, x, lines: [{ name: EVIL, values }] });
  const points = (svg: string) =>
    [...svg.matchAll(/<polyline class="s0" points="([^"]*)"/g)].map(([, text]) =>
      (text as string).split(' ').map((pair) => pair.split(',').map(Number)),
    );

  test('a point is not where its value is', () => {
    const [line] = points(chart([0, 10, 5]));
    const [a, b, c] = line as [number[], number[], number[]];
    expect([a[0], c[0]]).toEqual([44, 410]);
    expect(b[0]).toBeCloseTo((44 + 410) / 2, 1);
    // Upwards is less; 5 % of room above and below.
    expect(c[1]).toBeCloseTo(((a[1] as number) + (b[1] as number)) / 2, 1);
    expect(a[1]).toBeCloseTo(198 - 174 / 22, 1);
    expect(b[1]).toBeCloseTo(24 + 174 / 22, 1);
  });

  test('a gap is bridged, or a single point is not seen', () => {
    const svg = chart([1, 2, null, 4, Number.NaN, 5, 6]);
    expect(points(svg).map((line) => line.length)).toEqual([2, 2]);
    expect(svg.match(/<circle/g)).toHaveLength(1);
  });

  test('charts of nothing, of one value or of equal ones are no charts', () => {
    for (const values of [[], [null], [3], [0], [2, 2, 2], [1e-30, 1e30]]) {
      const svg = chart(values);
      expect(isWellFormed(svg)).toBe(true);
      expect(svg).not.toMatch(/NaN|Infinity|undefined|<script/);
    }
  });

  test('the grid has no numbers, or far too many', () => {
    for (const values of [
      [0.001, 0.0042],
      [0, 100],
      [55.2, 61.7],
      [1, 1e6],
    ]) {
      const texts = [...chart(values).matchAll(/<text class="l"[^>]*>([^<]*)</g)];
      expect(texts.length).toBeGreaterThanOrEqual(2);
      expect(texts.length).toBeLessThanOrEqual(8);
      expect(new Set(texts.map(([, text]) => text)).size).toBe(texts.length);
    }
  });

  test('epochs are numbered with fractions', () => {
    const texts = [...chart([1, 2, 3]).matchAll(/<text class="m"[^>]*>([^<]*)</g)];
    expect(texts.map(([, text]) => text)).toEqual(['1', '2', '3']);
  });

  test('a phase begins elsewhere', () => {
    const svg = lineChart({
      title: 'a',
      x: [1, 2, 3],
      lines: [{ name: 'a', values: [1, 2, 3] }],
      marks: [{ at: 2, name: EVIL }],
    });
    expect(svg).toContain('<line class="c" x1="227.0" x2="227.0"');
    expect(isWellFormed(svg)).toBe(true);
  });
});

describe('heatMap', () => {
  const counts = [
    [90, 10, 0],
    [25, 75, 0],
    [0, 0, 0],
  ];
  const map = heatMap({
    title: 'x',
    names: ['a', EVIL, 'c'.repeat(40)],
    counts,
    hint: (row, column) => `${row} ${column} ${EVIL}`,
  });

  test('a cell is not as opaque as its share of the row', () => {
    const cells = [...map.matchAll(/class="s(\d)" fill-opacity="([\d.]+)" x="(\d+)" y="(\d+)"/g)];
    expect(cells.map(([, colour, opacity]) => [Number(colour), Number(opacity)])).toEqual([
      [0, 0.9],
      [1, 0.316],
      [1, 0],
      [1, 0.5],
      [0, 0.75],
      [1, 0],
      [1, 0],
      [1, 0],
      [0, 0],
    ]);
    // Rows go down, columns to the right.
    expect(cells[1]?.slice(3).map(Number)).toEqual([142, 80]);
    expect(cells[3]?.slice(3).map(Number)).toEqual([110, 112]);
    expect([...map.matchAll(/<text class="m"[^>]*>(\d+)</g)].map(([, text]) => text)).toEqual([
      '90',
      '10',
      '25',
      '75',
    ]);
  });

  test('a name becomes an element', () => {
    expect(isWellFormed(map)).toBe(true);
    expect(map).not.toContain('<script');
  });

  test('cells of a hundred classes are wider than the page', () => {
    const names = Array.from({ length: 100 }, (_, i) => String(i));
    const many = heatMap({ title: 'x', names, counts: names.map(() => [1]), hint: () => '' });
    expect(Number(/width="(\d+)"/.exec(many)?.[1])).toBeLessThan(1000);
  });
});

describe('encodePng', () => {
  test.each([
    [1, 3, 5],
    [3, 4, 7],
    [3, 1, 1],
  ])('%d channels: a decoder sees another picture', async (channels, height, width) => {
    const data = Uint8Array.from({ length: height * width * channels }, (_, i) => (i * 37) % 256);
    const png = encodePng({ data, height, width, channels });
    const { data: read, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width, height });
    const rgb = Array.from({ length: height * width * 3 }, (_, i) =>
      channels === 3 ? data[i] : data[Math.floor(i / 3)],
    );
    const shown =
      info.channels === 3 ? [...read] : [...read].flatMap((value) => [value, value, value]);
    expect(shown).toEqual(rgb);
  });

  test('a strict decoder finds a wrong checksum or row', () => {
    const png = encodePng({ data: Uint8Array.of(1, 2, 3, 4), height: 2, width: 2, channels: 1 });
    // IEND is the same in every file.
    expect(png.subarray(-12).toString('hex')).toBe('0000000049454e44ae426082');
    const at = png.indexOf('IDAT');
    const length = png.readUInt32BE(at - 4);
    expect([...inflateSync(png.subarray(at + 4, at + 4 + length))]).toEqual([0, 1, 2, 0, 3, 4]);
  });
});

const html = trainingPage(data);
const parts = html.split('<script>')[0] as string;

test('the summary has another accuracy, epoch or time', () => {
  expect(parts).toContain('<td>62.50 % of 8 test pictures</td>');
  expect(parts).toContain('<td>2, 72.50 % of the test pictures</td>');
  expect(parts).toContain('<td>2 min 0 s</td>');
});

test('a name of the page becomes an element, or the page asks a network', () => {
  expect(html.match(/<script>/g)).toHaveLength(1);
  expect(html).not.toContain('alert("');
  expect(parts.replace(/base64,[^"]*/g, '')).not.toMatch(/NaN|undefined/);
  expect(html.replaceAll('src="data:image/png;base64,', '')).not.toMatch(
    /(src|href)=|url\(|@import|https?:/,
  );
});

test('an epoch is missing in the table, a phase in the curves', () => {
  expect(parts.match(/<tr>(?=<td class="r">\d)/g)).toHaveLength(3);
  // Loss and rate have one line, accuracy two: no test loss was computed.
  expect(parts.match(/<polyline class="s0"/g)).toHaveLength(3);
  expect(parts.match(/<polyline class="s1"/g)).toHaveLength(1);
  expect(parts.match(/<line class="c"/g)).toHaveLength(3);
});

test('the worst confusions show other pictures', async () => {
  const figures = parts.split('<figure>').slice(4);
  const shown = await Promise.all(
    figures.map(async (figure) => {
      const images = [...figure.matchAll(/base64,([^"]*)"/g)];
      const numbers = images.map(async ([, text]) => {
        const { data: bytes } = await sharp(Buffer.from(text as string, 'base64'))
          .raw()
          .toBuffer({ resolveWithObject: true });
        return bytes[0];
      });
      return [/<figcaption>(.*)<\/figcaption>/.exec(figure)?.[1], await Promise.all(numbers)];
    }),
  );
  const name = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;';
  expect(shown).toEqual([
    [`ant taken for ${name}: 2`, [1, 2]],
    [`${name} taken for ant: 1`, [4]],
  ]);
  expect(parts).toContain('<img width="64" height="32" alt="test picture 1: ant"');
});

test('a page of a perfect network, of no epoch, or of many classes fails', () => {
  const perfect = trainingPage({
    ...data,
    history: [],
    evaluation: {
      predictions: Int32Array.from(labels),
      confusion: [Int32Array.of(3, 0, 0), Int32Array.of(0, 3, 0), Int32Array.of(0, 0, 2)],
    },
  });
  expect(perfect).toContain('Every test picture is recognised.');
  expect(perfect).toContain('100.00 % of 8 test pictures');
  expect(perfect.split('<script>')[0]).not.toMatch(/NaN|undefined|Infinity/);
  const classes = Array.from({ length: 101 }, (_, i) => String(i));
  const many = trainingPage({
    ...data,
    test: { ...data.test, classes },
    evaluation: { predictions, confusion: classes.map(() => new Int32Array(101)) },
  });
  expect(many).toContain('101 classes are too many to draw');
});

test('pictures of any size make the page large', () => {
  const side = 300;
  const large = pictureSet({
    ...data.test,
    pictureShape: [side, side, 3],
    pixels: Uint8Array.from({ length: 8 * side * side * 3 }, (_, i) => (i * i) % 251),
    labels: Int32Array.from(labels),
  });
  const size = trainingPage({ ...data, test: large }).length;
  expect(size - html.length).toBeLessThan(3 * 64 * 64 * 3 * 1.4);
});

const chromium = findChromium();

test.skipIf(chromium === undefined)(
  'a browser does not draw the page, its policy forbids the pictures, or a chart is too wide',
  { timeout: 90_000 },
  () => {
    const { result, console } = inBrowser(
      chromium as string,
      html,
      `const wide = (element) => element.getBoundingClientRect().width > innerWidth;
       const line = getComputedStyle(document.querySelector('polyline'));
       return { images: [...document.images].map((image) => image.naturalWidth),
         line: [line.fill, line.stroke !== 'none'],
         wide: [...document.querySelectorAll('svg, figure')].filter(wide).length };`,
    );
    expect(console).toBe('');
    expect(result).toEqual({ images: [4, 4, 4], line: ['none', true], wide: 0 });
  },
);

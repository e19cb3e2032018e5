/** Drawn pictures: the same bytes everywhere, an honest test set, and no easy way to the class. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type PictureSet, shapes } from '../../src/data/index.js';
import { measureNormalization } from '../../src/data/normalization.js';
import { GLYPHS } from '../../src/data/shape-glyphs.js';

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const hashes = (set: PictureSet) => Array.from({ length: set.size }, (_, i) => hash(set.bytes(i)));

test('this machine draws other pictures than the rest', async () => {
  const { train, test } = shapes({ train: 64, test: 64, seed: 1 });
  const both = await Promise.all([train.read(0, 64), test.read(0, 64)]);
  expect(both.map(({ pixels }) => hash(pixels).slice(0, 16))).toEqual([
    'b2139693f69a12ce',
    '5d5af762f5e64dbb',
  ]);
});

test('cosines are so near to a half that their last bit decides a direction', () => {
  for (let k = 0; k < 64; k++) {
    const scaled = Math.cos((2 * Math.PI * k) / 64) * 4096;
    expect(Math.abs((Math.abs(scaled) % 1) - 0.5)).toBeGreaterThan(1e-3);
  }
});

test('a picture depends on how many there are, or not on the seed', () => {
  const few = hashes(shapes({ train: 20, test: 5 }).train);
  expect(hashes(shapes({ train: 40, test: 0 }).train).slice(0, 20)).toEqual(few);
  const others = new Set(hashes(shapes({ train: 20, test: 0, seed: 1 }).train));
  expect(few.filter((each) => others.has(each))).toEqual([]);
});

test('a test picture is trained on, or a picture comes twice', () => {
  const { train, test } = shapes({ train: 1500, test: 500 });
  expect(new Set([...hashes(train), ...hashes(test)]).size).toBe(2000);
  expect([train.name, test.name]).toEqual(['shapes train', 'shapes test']);
});

test('classes are of different sizes, or labels out of turn', () => {
  const { train } = shapes({ train: 80, test: 0 });
  expect(train.classes).toHaveLength(8);
  expect(train.pictureShape).toEqual([24, 24, 3]);
  expect(Array.from({ length: 80 }, (_, i) => train.label(i))).toEqual(
    Array.from({ length: 80 }, (_, i) => i % 8),
  );
});

test('the normalization is not that of the pictures', () => {
  const { train } = shapes({ train: 2000, test: 0 });
  const { mean, std } = measureNormalization(train);
  for (let c = 0; c < 3; c++) {
    expect(Math.abs((mean[c] as number) - (train.normalization.mean[c] as number))).toBeLessThan(
      0.02,
    );
    expect(Math.abs((std[c] as number) - (train.normalization.std[c] as number))).toBeLessThan(
      0.02,
    );
  }
});

test.each([{ train: -1 }, { test: 0.5 }, { seed: 2 ** 32 }, { train: 1e7 }, { trian: 3 }])(
  '%j is taken',
  (options) => {
    expect(() => shapes(options as never)).toThrow(/^shapes: expected/);
  },
);

describe('a shape has another area than its outline says', () => {
  const area = (name: string, build: number) => {
    const glyph = GLYPHS.find((each) => each.name === name);
    let points = 0;
    const n = 400;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        if (glyph?.inside((2 * j + 1) / n - 1, (2 * i + 1) / n - 1, build)) points++;
    return (4 * points) / (n * n);
  };
  const triangle = (3 * Math.sqrt(3)) / 4;
  // Of two circles of radius 0.9 and 0.7 whose centres are 0.525 apart, the part of the first one
  // that is outside the second.
  const crescent = (() => {
    const [a, b, d] = [0.9, 0.7, 0.525];
    const [x, y] = [(d * d + a * a - b * b) / (2 * d), (d * d - a * a + b * b) / (2 * d)];
    const segment = (r: number, h: number) =>
      r * r * Math.acos(h / r) - h * Math.sqrt(r * r - h * h);
    return Math.PI * a * a - segment(a, x) - segment(b, y);
  })();

  test.each([
    ['disc', 0.5, Math.PI * 0.64],
    ['ring', 0.5, Math.PI * (0.81 - 0.55 ** 2)],
    ['square', 0.5, 1.96],
    ['square', 0.4, 1.96 * (1 - 0.55 ** 2)],
    ['triangle', 0.5, triangle],
    ['triangle', 0.4, triangle * 0.75],
    ['cross', 0.5, 2 * 1.8 * 0.48 - 0.48 ** 2],
    // Ten triangles from the centre, of sides 1 and 0.381966, 36 degrees between them.
    ['star', 0.5, 5 * 0.381966 * Math.sin(Math.PI / 5)],
    ['crescent', 0.5, crescent],
    ['bars', 0.5, 2 * 1.36 * 0.38],
  ])('%s %d', (name, build, wanted) => {
    expect(Math.abs(area(name, build) / wanted - 1)).toBeLessThan(0.02);
  });

  test('a shape leaves its circle, so that it is cut off', () => {
    for (const glyph of GLYPHS)
      for (let k = 0; k < 360; k++) {
        const [x, y] = [1.01 * Math.cos(k), 1.01 * Math.sin(k)];
        expect(glyph.inside(x, y, 0.99)).toBe(false);
      }
  });
});

test('a linear classifier of the pixels tells the classes', { timeout: 30_000 }, () => {
  const { train, test } = shapes({ train: 800, test: 800 });
  const classes = train.classes.length;
  const inputs = 24 * 24 * 3;
  // Softmax regression by stochastic gradient descent; the last weight of a class is its bias.
  const weights = Array.from({ length: classes }, () => new Float64Array(inputs + 1));
  const x = new Float64Array(inputs + 1).fill(1);
  const scores = (set: PictureSet, i: number): number[] => {
    const bytes = set.bytes(i);
    for (let k = 0; k < inputs; k++) x[k] = ((bytes[k] as number) - 120) / 61;
    return weights.map((weight) => {
      let sum = 0;
      for (let k = 0; k <= inputs; k++) sum += (weight[k] as number) * (x[k] as number);
      return sum;
    });
  };
  const epochs = 8;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const rate = 1e-3 * (1 - epoch / epochs);
    for (let i = 0; i < train.size; i++) {
      const found = scores(train, i);
      const highest = Math.max(...found);
      const powers = found.map((score) => Math.exp(score - highest));
      const total = powers.reduce((a, b) => a + b, 0);
      for (const [label, weight] of weights.entries()) {
        const error = (powers[label] as number) / total - Number(train.label(i) === label);
        for (let k = 0; k <= inputs; k++)
          weight[k] = (weight[k] as number) - rate * error * (x[k] as number);
      }
    }
  }
  const share = (set: PictureSet) => {
    let right = 0;
    for (let i = 0; i < set.size; i++) {
      const found = scores(set, i);
      if (found.indexOf(Math.max(...found)) === set.label(i)) right++;
    }
    return right / set.size;
  };
  // It learns its own pictures, and not the classes.
  expect(share(train)).toBeGreaterThan(0.3);
  expect(share(test)).toBeLessThan(0.3);
});

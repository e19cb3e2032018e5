/** Augmentations, each beside its definition: where pixels come from, and how often. */
import { describe, expect, test } from 'vitest';
import { type Border, pixelMap, resetMap } from '../../../src/data/augment/pixel-map.js';
import { cutout, flip, mixup, randomCrop } from '../../../src/data/index.js';
import { randomStream } from '../../../src/nn/random.js';

/** Gives these numbers and no more. */
function scripted(...numbers: number[]): () => number {
  return () => {
    const next = numbers.shift();
    if (next === undefined) throw new Error('more random numbers than the test gives');
    return next;
  };
}

/** The map of a picture [H, W] of pixel numbers; -1 is black. */
function moved(
  height: number,
  width: number,
  apply: (map: ReturnType<typeof pixelMap>) => void,
): number[][] {
  const map = pixelMap(height, width);
  resetMap(map);
  apply(map);
  return Array.from(map.rows, (row) =>
    Array.from(map.columns, (column) => (row < 0 || column < 0 ? -1 : row * width + column)),
  );
}

/** Pads, then crops, pixel by pixel. */
function padded(height: number, width: number, pad: number, mode: Border, y: number, x: number) {
  const reflect = (i: number, n: number) => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i);
  return Array.from({ length: height }, (_, i) =>
    Array.from({ length: width }, (_, j) => {
      const [row, column] = [i + y - pad, j + x - pad];
      const inside = row >= 0 && row < height && column >= 0 && column < width;
      if (mode === 'zero') return inside ? row * width + column : -1;
      return reflect(row, height) * width + reflect(column, width);
    }),
  );
}

describe('randomCrop', () => {
  test.each(['zero', 'reflect'] as const)('%s is not pad and crop', (mode) => {
    const pad = 2;
    const crop = randomCrop({ padding: pad, mode });
    for (let y = 0; y <= 2 * pad; y++) {
      for (let x = 0; x <= 2 * pad; x++) {
        const random = scripted((y + 0.5) / 5, (x + 0.5) / 5);
        const ours = moved(4, 3, (map) => crop.apply(map, random));
        expect(ours).toEqual(padded(4, 3, pad, mode, y, x));
      }
    }
  });

  test('two crops and a flip are not done one after the other', () => {
    const crop = randomCrop({ padding: 1 });
    const ours = moved(2, 4, (map) => {
      crop.apply(map, scripted(0.5, 0.9));
      flip({ probability: 1 }).apply(map, scripted(0));
      crop.apply(map, scripted(0.5, 0));
    });
    // 0 1 2 3 becomes 1 2 3 black, then black 3 2 1, then black black 3 2.
    expect(ours[0]).toEqual([-1, -1, 3, 2]);
  });

  test('a shift is more frequent than another', () => {
    const crop = randomCrop({ padding: 2 });
    const random = randomStream(1, 'crop');
    const counts = new Map<string, number>();
    for (let i = 0; i < 25_000; i++) {
      const map = pixelMap(8, 8);
      resetMap(map);
      crop.apply(map, random);
      const key = `${map.rows.indexOf(4)} ${map.columns.indexOf(4)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(25);
    // 24 degrees of freedom: above 52 with a chance of 0.1 %.
    const chi2 = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chi2).toBeLessThan(52);
  });

  test('an option that makes no sense is taken', () => {
    for (const options of [{ padding: -1 }, { padding: 1.5 }, { mode: 'wrap' }, { pad: 4 }])
      expect(() => randomCrop(options as never)).toThrow(/^randomCrop: expected/);
    const { check } = randomCrop({ padding: 4 });
    expect(() => check?.([5, 4, 1])).toThrow(
      'randomCrop: expected padding below the sides of pictures of 4x5 but received 4',
    );
    expect(() => check?.([5, 5, 1])).not.toThrow();
  });
});

describe('flip', () => {
  test('a picture is mirrored in another share of the cases, or upside down', () => {
    const random = randomStream(2, 'flip');
    let flipped = 0;
    for (let i = 0; i < 10_000; i++) {
      const [first, second] = moved(2, 3, (map) => flip({ probability: 0.25 }).apply(map, random));
      if (first?.[0] === 2) {
        flipped++;
        expect([first, second]).toEqual([
          [2, 1, 0],
          [5, 4, 3],
        ]);
      } else expect(first).toEqual([0, 1, 2]);
    }
    expect(Math.abs(flipped - 2500)).toBeLessThan(150);
  });

  test('a probability that is none is taken', () => {
    for (const probability of [-0.1, 1.1, Number.NaN, '1'])
      expect(() => flip({ probability } as never)).toThrow(/^flip: expected a probability/);
  });
});

describe('cutout', () => {
  test('the square is of another size, or lies outside where it should be cut off', () => {
    const square = cutout({ size: 4 });
    const at = (y: number, x: number) =>
      square.apply(10, 8, scripted((y + 0.5) / 10, (x + 0.5) / 8));
    expect(at(5, 4)).toEqual({ top: 3, left: 2, bottom: 7, right: 6 });
    expect(at(0, 7)).toEqual({ top: 0, left: 5, bottom: 2, right: 8 });
    expect(at(9, 0)).toEqual({ top: 7, left: 0, bottom: 10, right: 2 });
    expect(cutout({ size: 1 }).apply(3, 3, scripted(0.99, 0))).toEqual({
      top: 2,
      left: 0,
      bottom: 3,
      right: 1,
    });
  });

  test('a size that is none is taken', () => {
    for (const size of [0, -1, 2.5, undefined])
      expect(() => cutout({ size } as never)).toThrow(/^cutout: expected size/);
  });
});

describe('mixup', () => {
  test.each([0.1, 0.2, 1, 4])('shares have another distribution than Beta of alpha %d', (alpha) => {
    const random = randomStream(3, 'mixup');
    const shares = Array.from({ length: 20_000 }, () => mixup({ alpha }).apply(random));
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length;
    const wanted = 1 / (4 * (2 * alpha + 1));
    // Four standard deviations of the mean; the variance within 4 %.
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(wanted / shares.length));
    expect(Math.abs(variance / wanted - 1)).toBeLessThan(0.04);
    expect(shares.every((share) => share >= 0 && share <= 1 && Number.isInteger(share * 2 ** 16)));
  });

  test('shares of a small alpha are not numbers', () => {
    const random = randomStream(4, 'mixup');
    for (let i = 0; i < 1000; i++) {
      const share = mixup({ alpha: 1e-6 }).apply(random);
      expect(share === 0 || share === 1).toBe(true);
    }
  });

  test('an alpha that is none is taken', () => {
    for (const alpha of [0, -1, Number.NaN, 101])
      expect(() => mixup({ alpha })).toThrow(/^mixup: expected alpha/);
  });
});

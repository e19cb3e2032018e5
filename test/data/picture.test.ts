/** Pictures: decoding, the resize against an independent formula, the crop, and damaged files. */
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import type { Dataset } from '../../src/data/dataset.js';
import { decodePicture } from '../../src/data/decode-picture.js';
import { fitDataset } from '../../src/data/fitted.js';
import { fitPicture, readPicture } from '../../src/data/picture.js';
import { resize } from '../../src/data/resize.js';
import { temporaryFolder, write } from './fixtures.js';

const gradient = (height: number, width: number) => ({
  data: Uint8Array.from({ length: height * width * 3 }, (_, i) => ((i * 2654435761) >>> 13) & 255),
  height,
  width,
  channels: 3,
});

/**
 * The triangle filter in float64 over the whole picture, straight from its definition; no fixed
 * point, no windows.
 */
function resizeOracle(x: ReturnType<typeof gradient>, height: number, width: number): number[] {
  const weight = (i: number, k: number, from: number, to: number) =>
    Math.max(0, 1 - Math.abs((k + 0.5 - ((i + 0.5) * from) / to) / Math.max(1, from / to)));
  const normalized = (i: number, from: number, to: number) => {
    const all = Array.from({ length: from }, (_, k) => weight(i, k, from, to));
    const total = all.reduce((a, b) => a + b, 0);
    return all.map((w) => w / total);
  };
  const out: number[] = [];
  for (let i = 0; i < height; i++) {
    const down = normalized(i, x.height, height);
    for (let j = 0; j < width; j++) {
      const across = normalized(j, x.width, width);
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let row = 0; row < x.height; row++) {
          if (down[row] === 0) continue;
          for (let col = 0; col < x.width; col++) {
            sum +=
              (down[row] as number) *
              (across[col] as number) *
              (x.data[(row * x.width + col) * 3 + c] as number);
          }
        }
        out.push(sum);
      }
    }
  }
  return out;
}

describe('resize', () => {
  test.each([
    [13, 17, 13, 17],
    [13, 17, 5, 6],
    [5, 6, 13, 17],
    [40, 3, 7, 9],
    [1, 1, 4, 4],
    [31, 29, 1, 1],
  ])('%ix%i to %ix%i is within one level of the exact filter', (h, w, H, W) => {
    const x = gradient(h, w);
    const y = resize(x, H, W, { top: 0, left: 0, height: H, width: W });
    const exact = resizeOracle(x, H, W);
    expect(y.data.length).toBe(exact.length);
    // Each of the two passes rounds to the nearest level: half a level each.
    for (const [i, value] of exact.entries())
      expect(Math.abs((y.data[i] as number) - value)).toBeLessThanOrEqual(1.001);
  });

  test('the same size changes nothing', () => {
    const x = gradient(9, 7);
    expect(resize(x, 9, 7, { top: 0, left: 0, height: 9, width: 7 }).data).toEqual(x.data);
  });

  test('a window has exactly the pixels of the whole resized picture', () => {
    const x = gradient(37, 23);
    const whole = resize(x, 19, 31, { top: 0, left: 0, height: 19, width: 31 });
    const part = resize(x, 19, 31, { top: 4, left: 7, height: 11, width: 13 });
    for (let row = 0; row < 11; row++) {
      const from = ((4 + row) * 31 + 7) * 3;
      expect(part.data.slice(row * 39, row * 39 + 39)).toEqual(whole.data.slice(from, from + 39));
    }
  });
});

describe('fit', () => {
  test('a line of pixels needs no more memory than its crop', () => {
    const line = fitPicture(gradient(1, 100_000), { resize: 64, crop: 64 }, 'line');
    expect(line.data.length).toBe(64 * 64 * 3);
  });

  /**
   * torchvision's numbers from Python: int(size * long / short), and int(round((side - crop) /
   * 2.0)).
   */
  test.each([
    // height, width, resize, crop; then the resized height and width, top and left
    [
      [30, 50, 25, 22],
      [25, 41, 2, 10],
      [25, 42, 1, 10],
    ],
    [
      [37, 40, 32, 27],
      [32, 34, 2, 4],
      [32, 35, 2, 4],
    ],
    [
      [50, 33, 25, 20],
      [37, 25, 8, 2],
      [38, 25, 9, 2],
    ],
    [
      [40, 29, 28, 21],
      [38, 28, 8, 4],
      [39, 28, 9, 3],
    ],
    [
      [20, 20, 16, 11],
      [16, 16, 2, 2],
      [16, 16, 2, 2],
    ],
    [
      [20, 20, 16, 9],
      [16, 16, 4, 4],
      [16, 16, 3, 3],
    ],
    [
      [31, 45, 19, 16],
      [19, 27, 2, 6],
      [19, 28, 1, 6],
    ],
    [
      [97, 31, 10, 7],
      [31, 10, 12, 2],
      [31, 10, 12, 1],
    ],
    [
      [11, 9, 9, 6],
      [11, 9, 2, 2],
      [11, 9, 2, 1],
    ],
  ] as const)(
    '%j: torchvision %j, nearest %j',
    ([height, width, side, crop], torchvision, nearest) => {
      const x = gradient(height, width);
      for (const [rounding, [tall, wide, top, left]] of [
        ['torchvision', torchvision],
        ['nearest', nearest],
        [undefined, nearest],
      ] as const) {
        const wanted = resize(x, tall, wide, { top, left, height: crop, width: crop });
        expect(fitPicture(x, { resize: side, crop, rounding }, 'x'), rounding).toEqual(wanted);
      }
    },
  );

  test('the crop is central and leaves the larger part right and below', () => {
    const x = gradient(6, 5);
    const y = fitPicture(x, { crop: 4 }, 'x');
    expect([...y.data.subarray(0, 3)]).toEqual([
      ...x.data.subarray((1 * 5 + 0) * 3, (1 * 5 + 0) * 3 + 3),
    ]);
  });

  test('a picture smaller than the crop', () => {
    expect(() => fitPicture(gradient(6, 5), { crop: 6 }, 'small.png')).toThrow(
      /picture "small.png": expected a picture of at least 6x6 .*5x6/,
    );
    expect(() => fitPicture(gradient(6, 5), { resize: 1e9, crop: 4 }, 'small.png')).toThrow(
      BitplaneError,
    );
  });

  // As torchvision's CenterCrop: (crop - side) // 2 before, the rest behind, and a side that is
  // large enough is cut as usual.
  test.each([
    [2, 3, 6, { top: 2, left: 1 }, { top: 0, left: 0 }],
    [3, 2, 4, { top: 0, left: 1 }, { top: 0, left: 0 }],
    [5, 2, 4, { top: 0, left: 1 }, { top: 0, left: 0 }],
    [7, 3, 4, { top: 0, left: 0 }, { top: 2, left: 0 }],
    [1, 9, 4, { top: 1, left: 0 }, { top: 0, left: 2 }],
  ])(
    '%i x %i in a crop of %i has a black border as in torchvision',
    (height, width, crop, border, cut) => {
      const x = gradient(height, width);
      const y = fitPicture(x, { crop, rounding: 'torchvision' }, 'x');
      expect([y.height, y.width, y.channels, y.data.length]).toEqual([
        crop,
        crop,
        3,
        crop * crop * 3,
      ]);
      for (let row = 0; row < crop; row++)
        for (let column = 0; column < crop; column++) {
          const [i, j] = [row - border.top + cut.top, column - border.left + cut.left];
          const inside = row >= border.top && column >= border.left && i < height && j < width;
          const pixel = (data: Uint8Array, at: number) => [...data.subarray(at * 3, at * 3 + 3)];
          expect(pixel(y.data, row * crop + column)).toEqual(
            inside ? pixel(x.data, i * width + j) : [0, 0, 0],
          );
        }
    },
  );
});

test('a data set is fitted picture by picture, or left alone', async () => {
  const pictures = [gradient(6, 6), gradient(6, 6)];
  const data: Dataset = {
    name: 'two',
    classes: ['a', 'b'],
    size: 2,
    pictureShape: [6, 6, 3],
    notes: [],
    read: async (from, to) => ({
      pixels: Uint8Array.from(pictures.slice(from, to).flatMap((picture) => [...picture.data])),
      labels: Int32Array.from([0, 1].slice(from, to)),
    }),
  };
  expect(fitDataset(data, { crop: 6 })).toBe(data);
  expect(fitDataset(data, { resize: 6, crop: 6 })).toBe(data);
  const fitted = fitDataset(data, { resize: 9, crop: 8 });
  expect(fitted.pictureShape).toEqual([8, 8, 3]);
  const { pixels, labels } = await fitted.read(1, 2);
  expect([...labels]).toEqual([1]);
  expect(pixels).toEqual(fitPicture(gradient(6, 6), { resize: 9, crop: 8 }, 'x').data);
});

describe('decode', () => {
  const raw = { raw: { width: 8, height: 4, channels: 3 as const } };
  const rgb = gradient(4, 8);

  test('PNG is decoded without loss', async () => {
    const png = await sharp(rgb.data, raw).png().toBuffer();
    expect(await decodePicture(png, 'x.png')).toMatchObject({
      height: 4,
      width: 8,
      channels: 3,
      data: Buffer.from(rgb.data),
    });
  });

  test('gray, alpha, 16 bits and CMYK become rgb', async () => {
    const gray = await sharp(rgb.data, raw).grayscale().png().toBuffer();
    const alpha = await sharp(rgb.data, raw).ensureAlpha(0.5).png().toBuffer();
    const deep = await sharp(rgb.data, raw).toColourspace('rgb16').png().toBuffer();
    const cmyk = await sharp(rgb.data, raw).toColourspace('cmyk').jpeg().toBuffer();
    for (const [name, bytes] of Object.entries({ gray, alpha, deep, cmyk })) {
      const picture = await decodePicture(bytes, name);
      expect(picture.data.length, name).toBe(4 * 8 * 3);
    }
    const { data } = await decodePicture(gray, 'gray');
    expect(data[0]).toBe(data[2]);
    expect(Buffer.from((await decodePicture(alpha, 'alpha')).data)).toEqual(Buffer.from(rgb.data));
    expect(Buffer.from((await decodePicture(deep, 'deep')).data)).toEqual(Buffer.from(rgb.data));
  });

  test('EXIF orientation is applied', async () => {
    const turned = await sharp(rgb.data, raw)
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toBuffer();
    expect(await decodePicture(turned, 'turned')).toMatchObject({ height: 8, width: 4 });
  });

  test('truncated and random files are refused by name', async () => {
    const jpeg = await sharp(gradient(32, 32).data, { raw: { width: 32, height: 32, channels: 3 } })
      .jpeg()
      .toBuffer();
    const png = await sharp(gradient(32, 32).data, { raw: { width: 32, height: 32, channels: 3 } })
      .png()
      .toBuffer();
    for (const file of [jpeg, png]) {
      for (const part of [0, 3, 8, 100, 400, 700]) {
        await expect(decodePicture(file.subarray(0, part), 'cut')).rejects.toMatchObject({
          code: 'ERR_FORMAT',
          node: 'cut',
        });
      }
    }
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(jpeg, png),
        fc.nat(200),
        async (noise, file, keep) => {
          const bytes = Buffer.concat([file.subarray(0, keep), noise]);
          await expect(decodePicture(bytes, 'noise')).rejects.toMatchObject({
            name: 'BitplaneError',
            code: 'ERR_FORMAT',
          });
        },
      ),
      { seed: 3, numRuns: 100 },
    );
  });

  test('a header that promises billions of pixels is refused', async () => {
    const png = await sharp(rgb.data, raw).png().toBuffer();
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    await expect(decodePicture(png, 'huge.png')).rejects.toMatchObject({
      code: 'ERR_LIMIT',
      node: 'huge.png',
      message: expect.stringMatching(/60000x60000; the option maxPixels raises the limit/),
    });
  });

  test('a missing file is ERR_IO', async () => {
    const path = join(temporaryFolder(), 'none.jpg');
    await expect(readPicture(path, { crop: 8 })).rejects.toMatchObject({
      code: 'ERR_IO',
      node: path,
    });
    await expect(readPicture(write(path, 'plain text'), { crop: 8 })).rejects.toThrow(
      /expected a JPEG, PNG, WebP, AVIF or TIFF file/,
    );
  });
});

/** Preprocessing: numbers, layouts, colours, and the JSON that describes them. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { type Preprocess, parsePreprocess, preprocessPixels } from '../../src/data/preprocess.js';
import { defaultRecipe, readRecipe, recipeBeside } from '../../src/data/recipe.js';
import { temporaryFolder, write } from './fixtures.js';

const PLAIN: Preprocess = { layout: 'NHWC', color: 'rgb', scale: 1, mean: [0], std: [1] };
/** Two pictures of 1x2, rgb. */
const PIXELS = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);

const apply = (
  change: Partial<Preprocess>,
  pixels = PIXELS,
  shape: [number, number, number] = [1, 2, 3],
) => {
  const { shape: dims, data } = preprocessPixels(pixels, shape, { ...PLAIN, ...change });
  return { shape: dims, data: [...data] };
};

describe('layout and colour', () => {
  test('NHWC keeps the order', () =>
    expect(apply({})).toEqual({ shape: [2, 1, 2, 3], data: [...PIXELS] }));
  test('NCHW and flat are planar', () => {
    const planar = [1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12];
    expect(apply({ layout: 'NCHW' })).toEqual({ shape: [2, 3, 1, 2], data: planar });
    expect(apply({ layout: 'flat' })).toEqual({ shape: [2, 6], data: planar });
  });
  test('bgr swaps the planes, and mean follows the order of color', () => {
    expect(apply({ color: 'bgr', mean: [3, 2, 1] }).data.slice(0, 6)).toEqual([0, 0, 0, 3, 3, 3]);
  });
  test('gray to rgb repeats, rgb to gray uses the luma weights', () => {
    expect(apply({}, Uint8Array.of(9, 8), [1, 2, 1])).toEqual({
      shape: [1, 1, 2, 3],
      data: [9, 9, 9, 8, 8, 8],
    });
    const gray = apply(
      { color: 'gray' },
      Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255),
      [2, 2, 3],
    );
    expect(gray).toEqual({ shape: [1, 2, 2, 1], data: [255, 76, 150, 29] });
  });
  test('a part of a picture is refused', () =>
    expect(() => apply({}, Uint8Array.of(1, 2, 3, 4))).toThrow(/whole pictures of 6 bytes/));
});

describe('numbers', () => {
  test('x = (pixel * scale - mean) / std in float32, the product rounded once', () => {
    const pixels = Uint8Array.from({ length: 256 }, (_, i) => i);
    const { data } = apply(
      { color: 'gray', scale: 1 / 255, mean: [0.485], std: [0.229] },
      pixels,
      [16, 16, 1],
    );
    const f = Math.fround;
    for (let p = 0; p < 256; p++) expect(data[p]).toBe(f(f(f(p / 255) - f(0.485)) / f(0.229)));
  });

  test('quantize rounds halves up, and clips', () => {
    const quantize = { step: 2, min: -2, max: 6, round: 'half-up' as const };
    const { data } = apply(
      { color: 'gray', mean: [5], quantize },
      Uint8Array.of(0, 2, 3, 4, 5, 6, 7, 200),
      [2, 4, 1],
    );
    expect(data).toEqual([-2, -2, -2, 0, 0, 2, 2, 6]);
  });
});

describe('recipes', () => {
  test('a bare object, one with `preprocess`, and labels of another file are read', async () => {
    const dir = temporaryFolder();
    const bare = write(
      join(dir, 'bare.json'),
      JSON.stringify({ layout: 'NCHW', color: 'rgb', scale: 2 }),
    );
    expect((await readRecipe(bare)).preprocess).toMatchObject({
      layout: 'NCHW',
      scale: 2,
      mean: [0],
      std: [1],
    });
    write(join(dir, 'names.json'), '["cat", "dog"]');
    write(
      join(dir, 'net.json'),
      JSON.stringify({
        task: 'x',
        labels: 'names.json',
        preprocess: { layout: 'flat', color: 'gray' },
      }),
    );
    for (const model of ['net.onnx', 'net.onnx.gz', 'net.safetensors']) {
      expect(await recipeBeside(join(dir, model))).toMatchObject({
        labels: ['cat', 'dog'],
        preprocess: { layout: 'flat' },
      });
    }
    expect(await recipeBeside(join(dir, 'other.onnx'))).toBeUndefined();
  });

  test.each([
    '../names.json',
    '/etc/passwd',
    'sub/names.json',
    '..',
    '.',
    '',
    'a\\b',
    'C:names',
    'a\0b',
  ])('labels in %j, which is no plain name, are refused and not read', async (labels) => {
    const dir = temporaryFolder();
    write(join(dir, 'names.json'), '["cat"]');
    write(join(dir, 'in', 'sub', 'names.json'), '["cat"]');
    const path = write(
      join(dir, 'in', 'net.json'),
      JSON.stringify({ labels, preprocess: { layout: 'flat', color: 'gray' } }),
    );
    await expect(readRecipe(path)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      op: 'labels',
      node: path,
    });
  });

  test.each([
    'root:x:0:0:secret',
    '"secret"',
    '{"secret": 1}',
    '["cat", 1, "secret"]',
    '[]',
    'null',
  ])('an error about a file of labels quotes nothing of it: %s', async (text) => {
    const dir = temporaryFolder();
    write(join(dir, 'names'), text);
    const path = write(
      join(dir, 'net.json'),
      JSON.stringify({ labels: 'names', preprocess: { layout: 'flat', color: 'gray' } }),
    );
    const error = await readRecipe(path).catch((caught) => caught);
    expect(error).toMatchObject({ code: 'ERR_FORMAT', node: join(dir, 'names') });
    expect(error.message).not.toMatch(/secret|root/);
    expect(error.cause).toBeUndefined();
  });

  test('the default follows the input', () => {
    expect(defaultRecipe(['N', 3, 32, 32]).preprocess).toMatchObject({
      layout: 'NCHW',
      color: 'rgb',
      crop: 32,
      scale: 1 / 255,
    });
    expect(defaultRecipe(['N', 28, 28, 1]).preprocess).toMatchObject({
      layout: 'NHWC',
      color: 'gray',
      crop: 28,
    });
    expect(defaultRecipe([1, 784]).preprocess).toMatchObject({ layout: 'flat', color: 'gray' });
    expect(() => defaultRecipe(['N', 5, 9, 9])).toThrow(/--preprocess/);
  });

  test('`rounding` is read, and absent where the file has none', () => {
    const of = (more: object) =>
      parsePreprocess({ layout: 'flat', color: 'gray', ...more }, 'p.json').rounding;
    expect([of({}), of({ rounding: 'nearest' }), of({ rounding: 'torchvision' })]).toEqual([
      undefined,
      'nearest',
      'torchvision',
    ]);
  });

  test('every bad field is named', async () => {
    const good = { layout: 'NCHW', color: 'rgb', scale: 1, mean: [0, 0, 0], std: [1] };
    const bad: Record<string, object> = {
      layout: { layout: 'CHW' },
      color: { color: 'cmyk' },
      scale: { scale: 'x' },
      mean: { mean: [1, 2] },
      std: { std: [1, 0, 1] },
      resize: { resize: 1.5 },
      crop: { crop: -1 },
      rounding: { rounding: 'up' },
      'quantize.step': { quantize: { step: 0, min: 0, max: 1 } },
      'quantize.max': { quantize: { step: 1, min: 2, max: 1 } },
      'quantize.round': { quantize: { step: 1, min: 0, max: 1, round: 'even' } },
      scael: { scael: 2 },
    };
    for (const [field, change] of Object.entries(bad)) {
      expect(() => parsePreprocess({ ...good, ...change }, 'p.json'), field).toThrow(
        expect.objectContaining({ code: 'ERR_FORMAT', op: field, node: 'p.json' }),
      );
    }
    const dir = temporaryFolder();
    await expect(readRecipe(write(join(dir, 'p.json'), '{'))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
    });
    await expect(
      readRecipe(
        write(join(dir, 'p.json'), '{"preprocess":{"layout":"flat","color":"gray"},"labels":[1]}'),
      ),
    ).rejects.toThrow(/class names/);
  });

  test('any JSON is a recipe or a BitplaneError', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('layout', 'color', 'scale', 'mean', 'std', 'quantize', 'crop', 'all'),
        (json, field) => {
          const input = field === 'all' ? json : { layout: 'flat', color: 'gray', [field]: json };
          try {
            const parsed = parsePreprocess(input, 'p.json');
            expect(Number.isFinite(parsed.scale)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(BitplaneError);
          }
        },
      ),
      { seed: 4, numRuns: 500 },
    );
  });
});

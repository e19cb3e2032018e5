/** Pictures of every kind to a tensor, and every bad one to an error that names it. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { imageToTensor } from '../../src/data/image-to-tensor.js';
import * as recipes from '../../src/data/recipes.js';
import { temporaryFolder, write } from './fixtures.js';

const SIDE = 12;
const PLAIN = { layout: 'NHWC', color: 'rgb' } as const;
/** Pixel (i, j) of channel c is 10 i + j + 60 c. */
const pixels = (height = SIDE, width = SIDE, channels = 3) =>
  Uint8Array.from({ length: height * width * channels }, (_, at) => {
    const [i, j] = [Math.floor(at / channels / width), Math.floor(at / channels) % width];
    return (10 * i + j + 60 * (at % channels)) & 255;
  });
const raw = (height = SIDE, width = SIDE, channels = 3) => ({
  data: pixels(height, width, channels),
  width,
  height,
});
const png = (height = SIDE, width = SIDE) =>
  sharp(pixels(height, width), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();

describe('imageToTensor', () => {
  test('a path, a URL, bytes and pixels give the same numbers', async () => {
    const file = write(join(temporaryFolder(), 'a b.png'), await png());
    const bytes = new Uint8Array(await png());
    const whole = await imageToTensor(raw(), PLAIN);
    expect(whole.shape).toEqual([1, SIDE, SIDE, 3]);
    expect(Array.from(whole.data)).toEqual(Array.from(pixels()));
    for (const picture of [file, pathToFileURL(file), bytes, bytes.buffer, Buffer.from(bytes)])
      expect(await imageToTensor(picture, PLAIN)).toEqual(whole);
    const clamped = { ...raw(), data: new Uint8ClampedArray(pixels()) };
    expect(await imageToTensor(clamped, PLAIN)).toEqual(whole);
  });

  test('alpha of pixels is dropped, gray becomes rgb', async () => {
    const rgba = new Uint8ClampedArray(SIDE * SIDE * 4).fill(7);
    for (let i = 0; i < SIDE * SIDE; i++) rgba.set(pixels().subarray(3 * i, 3 * i + 3), 4 * i);
    expect(await imageToTensor({ ...raw(), data: rgba }, PLAIN)).toEqual(
      await imageToTensor(raw(), PLAIN),
    );
    const gray = await imageToTensor(raw(2, 2, 1), PLAIN);
    expect(Array.from(gray.data)).toEqual([0, 0, 0, 1, 1, 1, 10, 10, 10, 11, 11, 11]);
  });

  test('a list is one batch in its order, gray pictures among coloured ones', async () => {
    const other = { data: pixels(SIDE, SIDE, 1), width: SIDE, height: SIDE };
    const batch = await imageToTensor([raw(), other, await png()], { ...PLAIN, layout: 'NCHW' });
    expect(batch.shape).toEqual([3, 3, SIDE, SIDE]);
    const one = await imageToTensor(raw(), { ...PLAIN, layout: 'NCHW' });
    const size = one.data.length;
    expect(batch.data.slice(0, size)).toEqual(one.data);
    expect(batch.data.slice(2 * size)).toEqual(one.data);
    const plane = SIDE * SIDE;
    for (const c of [0, 1, 2])
      expect(batch.data.slice(size + c * plane, size + (c + 1) * plane)).toEqual(
        one.data.slice(0, plane),
      );
  });

  test('a recipe object, its fields, and a recipe of the usual ones are taken alike', async () => {
    const usual = recipes.cifar10({ layout: 'NHWC' });
    const fields = usual.preprocess;
    const one = await imageToTensor(raw(40, 50), usual);
    expect(one.shape).toEqual([1, 32, 32, 3]);
    expect(await imageToTensor(raw(40, 50), fields)).toEqual(one);
    expect(await imageToTensor(raw(40, 50), { preprocess: fields })).toEqual(one);
  });

  test('the EXIF orientation is applied', async () => {
    const turned = await sharp(await png(6, SIDE))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect((await imageToTensor(turned, PLAIN)).shape).toEqual([1, SIDE, 6, 3]);
  });

  test('WebP, AVIF and TIFF are read to the pixel that they hold', async () => {
    const wide = () => sharp(pixels(), { raw: { width: SIDE, height: SIDE, channels: 3 } });
    const whole = await imageToTensor(raw(), PLAIN);
    const files = [
      await wide().webp({ lossless: true }).toBuffer(),
      await wide().tiff({ compression: 'deflate' }).toBuffer(),
      await wide().toColourspace('rgb16').tiff({ compression: 'lzw' }).toBuffer(),
    ];
    for (const file of files) expect(await imageToTensor(file, PLAIN)).toEqual(whole);
    // AVIF keeps colours as luma and chroma: two levels of rounding.
    const avif = await wide().avif({ lossless: true, chromaSubsampling: '4:4:4' }).toBuffer();
    const { data } = await imageToTensor(avif, PLAIN);
    const apart = Array.from(data, (value, i) => Math.abs(value - (whole.data[i] as number)));
    expect(Math.max(...apart)).toBeLessThanOrEqual(2);
    // An ending is a name; what a file is stands in it.
    const path = write(join(temporaryFolder(), 'a.jpg'), files[0] as Buffer);
    expect(await imageToTensor(path, PLAIN)).toEqual(whole);
  });

  test('CMYK, 16 bits and 1x1 are pictures like any other', async () => {
    const wide = { raw: { width: SIDE, height: SIDE, channels: 3 as const } };
    const cmyk = await sharp(pixels(), wide).toColourspace('cmyk').jpeg().toBuffer();
    const deep = await sharp(pixels(), wide).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe('ushort');
    expect((await imageToTensor(cmyk, PLAIN)).shape).toEqual([1, SIDE, SIDE, 3]);
    expect(await imageToTensor(deep, PLAIN)).toEqual(await imageToTensor(raw(), PLAIN));
    const dot = await imageToTensor(raw(1, 1), { ...PLAIN, resize: 4, crop: 4 });
    expect(Array.from(dot.data)).toEqual(Array.from({ length: 48 }, (_, i) => 60 * (i % 3)));
  });
});

/** A PNG whose chunks before the pixels say that it has two frames. */
async function animation(): Promise<Buffer> {
  const still = await png();
  const chunk = Buffer.alloc(20);
  chunk.writeUInt32BE(8, 0);
  chunk.write('acTL', 4, 'latin1');
  chunk.writeUInt32BE(2, 8);
  return Buffer.concat([still.subarray(0, 33), chunk, still.subarray(33)]);
}

/** A TIFF of one pixel, a float of 32 bits. */
function floatTiff(): Buffer {
  // Tag, type (3: 16 bits, 4: 32 bits), value: sizes, bits, no compression, black is 0, the place
  // and size of the pixels, and that they are floats.
  const entries = [
    ...[
      [256, 3, 1],
      [257, 3, 1],
      [258, 3, 32],
      [259, 3, 1],
      [262, 3, 1],
    ],
    ...[
      [273, 4, 8],
      [277, 3, 1],
      [278, 3, 1],
      [279, 4, 4],
      [339, 3, 3],
    ],
  ] as const;
  const file = Buffer.alloc(12 + 2 + 12 * entries.length + 4);
  file.write('II*\0', 'latin1');
  file.writeUInt32LE(12, 4);
  file.writeFloatLE(0.5, 8);
  file.writeUInt16LE(entries.length, 12);
  for (const [i, [tag, type, value]] of entries.entries()) {
    file.writeUInt16LE(tag as number, 14 + 12 * i);
    file.writeUInt16LE(type as number, 16 + 12 * i);
    file.writeUInt32LE(1, 18 + 12 * i);
    file.writeUInt32LE(value as number, 22 + 12 * i);
  }
  return file;
}

describe('a bad picture is an error that names it and the way out', () => {
  const reading = async (name: string, bytes: Uint8Array, options = {}) => {
    const path = write(join(temporaryFolder(), name), bytes);
    const error = await imageToTensor([raw(), path], PLAIN, options).catch((e) => e);
    expect(error).toMatchObject({ name: 'BitplaneError', node: path });
    return error as Error & { code: string };
  };

  test('truncated', async () => {
    for (const kind of ['png', 'jpeg', 'webp', 'tiff', 'avif'] as const) {
      const bytes = await sharp(await png(64, 64))
        .toFormat(kind)
        .toBuffer();
      const error = await reading(`cut.${kind}`, bytes.subarray(0, bytes.length / 2));
      expect(error).toMatchObject({ code: 'ERR_FORMAT' });
      expect(error.message).toContain('expected a whole picture');
    }
  });

  test('animated, or of another kind', async () => {
    const moving = await reading('moving.png', await animation());
    expect(moving.message).toMatch(
      /expected one picture but received an animation; save the frame/,
    );
    const gif = await sharp(await png())
      .gif()
      .toBuffer();
    const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
    for (const [name, bytes] of Object.entries({ 'a.gif': gif, 'a.heic': heic })) {
      const { message } = await reading(name, bytes);
      expect(message).toMatch(
        /JPEG, PNG, WebP, AVIF or TIFF file but received a (GIF|HEIF file); convert it, or decode/,
      );
    }
    const other = await sharp(await png())
      .negate()
      .toBuffer();
    const frames = await sharp([await png(), other], { join: { animated: true } })
      .webp()
      .toBuffer();
    expect((await reading('two.webp', frames)).message).toMatch(
      /expected one picture but received 2 frames or pages; save the one that is meant as a PNG/,
    );
    const floats = floatTiff();
    expect((await sharp(floats).metadata()).depth).toBe('float');
    expect((await reading('floats.tif', floats)).message).toContain(
      'expected pixels of 8 or 16 bits but received pixels of type float',
    );
  });

  test('30,000 pixels wide: the option raises the limit', async () => {
    const line = Buffer.concat([
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      ...[
        ['IHDR', Buffer.from([0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 8, 0, 0, 0, 0])] as const,
        ['IDAT', deflateSync(Buffer.alloc(30_001))] as const,
      ].map(([name, body]) => {
        const head = Buffer.alloc(8);
        head.writeUInt32BE(body.length, 0);
        head.write(name, 4, 'latin1');
        return Buffer.concat([head, body, Buffer.alloc(4)]);
      }),
    ]);
    const error = await reading('wide.png', line);
    expect(error).toMatchObject({ code: 'ERR_LIMIT' });
    expect(error.message).toContain(
      'at most 64 megapixels but received 30000x30000; the option maxPixels raises the limit',
    );
    const small = await png(20, 30);
    expect(await reading('small.png', small, { maxPixels: 599 })).toMatchObject({
      code: 'ERR_LIMIT',
    });
    const read = imageToTensor(small, PLAIN, { maxPixels: 600 });
    expect((await read).shape).toEqual([1, 20, 30, 3]);
  });

  test('of another size than the first of the list, where the recipe has no crop', async () => {
    const path = write(join(temporaryFolder(), 'b.png'), await png(5, 7));
    await expect(imageToTensor([raw(), path], PLAIN)).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      node: path,
      message: expect.stringContaining('12x12, or a recipe with crop, but received "7x5"'),
    });
  });

  test.each<[string, object, RegExp]>([
    ['too few bytes', { data: new Uint8Array(5), width: 2, height: 2 }, /4, 12, 16 bytes, but/],
    ['two channels', { data: new Uint8Array(8), width: 2, height: 2 }, /1, 3 or 4 channels/],
    ['no width', { data: new Uint8Array(8), width: 0, height: 2 }, /width to be a whole number/],
    ['floats', { data: new Float32Array(4), width: 2, height: 2 }, /pixels as a Uint8Array/],
    ['a number', 7 as never, /a path, the bytes of a file, or pixels/],
  ])('pixels with %s', async (_, picture, sentence) => {
    const error = await imageToTensor([raw(2, 2), picture as never], PLAIN).catch((e) => e);
    expect(error).toMatchObject({ code: 'ERR_ARGUMENT', node: 'pictures[1]' });
    expect(error.message).toMatch(sentence);
  });

  test('a recipe with a wrong number of means names itself and the field', async () => {
    const recipe = { preprocess: { ...PLAIN, mean: [1, 2] }, source: 'my.json' };
    await expect(imageToTensor(raw(), recipe)).rejects.toMatchObject({
      op: 'mean',
      node: 'my.json',
      message: expect.stringContaining('one number, or 3, one a channel, but received [1, 2]'),
    });
  });

  test('an aborted signal stops before the next picture', async () => {
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    await expect(imageToTensor(raw(), PLAIN, { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      cause: new Error('enough'),
    });
  });
});

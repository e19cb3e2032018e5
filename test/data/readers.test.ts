/**
 * MNIST and CIFAR-10 files: whole ones are read, and a damaged one is a BitplaneError that names
 * the file.
 */
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { openCifar10 } from '../../src/data/cifar10.js';
import { openCifar100 } from '../../src/data/cifar100.js';
import { parseIdx } from '../../src/data/idx.js';
import { openMnist } from '../../src/data/mnist.js';
import {
  idx,
  temporaryFolder,
  write,
  writeCifar10,
  writeCifar100,
  writeMnist,
} from './fixtures.js';

describe('mnist', () => {
  test.each([
    { where: '', gz: false },
    { where: '', gz: true },
    { where: 'mnist', gz: true },
    { where: 'MNIST/raw', gz: false },
  ])('reads $where gz=$gz', async ({ where, gz }) => {
    const dir = temporaryFolder();
    writeMnist(join(dir, where), 5, gz);
    const data = await openMnist(dir);
    expect(data.size).toBe(5);
    expect(data.pictureShape).toEqual([28, 28, 1]);
    expect(data.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    const { pixels, labels } = await data.read(1, 4);
    expect([...labels]).toEqual([3, 6, 9]);
    expect(pixels.length).toBe(3 * 784);
    expect(pixels[0]).toBe((784 * 7) & 255);
    expect(pixels.at(-1)).toBe(((4 * 784 - 1) * 7) & 255);
  });

  test('a missing file is an error that lists the names looked for', async () => {
    const dir = temporaryFolder();
    writeMnist(dir, 2);
    await expect(openMnist(dir, 'train')).rejects.toThrow(
      /train-images-idx3-ubyte .*no such file.*; http:.*mnist.* has it/,
    );
    await expect(openMnist(dir, 'train')).rejects.toMatchObject({ code: 'ERR_IO', node: dir });
  });

  test('images and labels of different counts are refused', async () => {
    const dir = temporaryFolder();
    writeMnist(dir, 5);
    write(join(dir, 't10k-labels-idx1-ubyte'), idx([4], new Uint8Array(4)));
    await expect(openMnist(dir)).rejects.toThrow(
      /t10k-labels-idx1-ubyte": expected 5 labels, one a picture but received 4/,
    );
  });

  test('a label of 10 is refused', async () => {
    const dir = temporaryFolder();
    writeMnist(dir, 2);
    write(join(dir, 't10k-labels-idx1-ubyte'), idx([2], Uint8Array.of(9, 10)));
    await expect(openMnist(dir)).rejects.toThrow(/labels below 10 but received "?10 at 1"?/);
  });

  test('a range outside the data set is refused', async () => {
    const dir = temporaryFolder();
    writeMnist(dir, 2);
    const data = await openMnist(dir);
    for (const [from, to] of [
      [-1, 1],
      [0, 3],
      [2, 1],
      [0.5, 1],
    ] as const) {
      await expect(data.read(from, to)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
  });
});

describe('idx', () => {
  const good = idx([2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));

  test('every truncation and every extension is refused', () => {
    expect(parseIdx(good, 2, 'x').data).toEqual(Buffer.from([1, 2, 3, 4, 5, 6]));
    for (let length = 0; length < good.length; length++)
      expect(() => parseIdx(good.subarray(0, length), 2, 'x')).toThrow(BitplaneError);
    expect(() => parseIdx(Buffer.concat([good, Buffer.of(0)]), 2, 'x')).toThrow(BitplaneError);
    const gz = gzipSync(good);
    for (let length = 0; length < gz.length; length++)
      expect(() => parseIdx(gz.subarray(0, length), 2, 'x')).toThrow(BitplaneError);
  });

  test('a header that promises more than the file holds allocates nothing', () => {
    const header = Buffer.alloc(16);
    header.writeUInt32BE(0x0803, 0);
    for (const at of [4, 8, 12]) header.writeUInt32BE(0xffffffff, at);
    expect(() => parseIdx(header, 3, 'x')).toThrow(
      expect.objectContaining({ code: 'ERR_FORMAT', node: 'x' }),
    );
  });

  test('random bytes are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0, 0x1f), (bytes, first) => {
        if (first === 0x1f) bytes.set(Uint8Array.of(0x1f, 0x8b, 8).subarray(0, bytes.length));
        try {
          const { shape, data } = parseIdx(bytes, 3, 'x');
          expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length);
        } catch (error) {
          expect(error).toBeInstanceOf(BitplaneError);
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test('another element type is refused', () => {
    const float = Buffer.from(good);
    float[2] = 0x0d;
    expect(() => parseIdx(float, 2, 'x')).toThrow(/magic number 2050/);
  });
});

describe('cifar10', () => {
  test.each(['', 'cifar-10-batches-bin'])('reads interleaved rgb from %j', async (where) => {
    const dir = temporaryFolder();
    writeCifar10(join(dir, where), 12);
    const data = await openCifar10(dir);
    expect(data.size).toBe(12);
    expect(data.pictureShape).toEqual([32, 32, 3]);
    expect(data.classes[9]).toBe('class9');
    const { pixels, labels } = await data.read(10, 12);
    expect([...labels]).toEqual([0, 1]);
    expect([...pixels.subarray(0, 6)]).toEqual([255, 255, 255, 10, 60, 110]);
    expect([...pixels.subarray(3072 + 32 * 3, 3072 + 32 * 3 + 6)]).toEqual([
      254, 254, 254, 11, 61, 111,
    ]);
  });

  test('any length but whole records is refused, naming the file', async () => {
    const dir = temporaryFolder();
    writeCifar10(dir, 2);
    for (const length of [6145, 3074, 3072, 1, 0]) {
      truncateSync(join(dir, 'test_batch.bin'), length);
      await expect(openCifar10(dir)).rejects.toMatchObject({
        code: 'ERR_FORMAT',
        node: join(dir, 'test_batch.bin'),
      });
    }
  });

  test('random records either hold labels below 10 or are refused', async () => {
    const dir = temporaryFolder();
    writeCifar10(dir, 1);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 3073, maxLength: 3073 }), async (bytes) => {
        write(join(dir, 'test_batch.bin'), bytes);
        const outcome = await openCifar10(dir).catch((error: unknown) => error);
        if ((bytes[0] as number) < 10) expect(outcome).toMatchObject({ size: 1 });
        else expect(outcome).toMatchObject({ name: 'BitplaneError', code: 'ERR_FORMAT' });
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  test('a list of classes of the wrong length is refused', async () => {
    const dir = temporaryFolder();
    writeCifar10(dir, 1);
    write(join(dir, 'batches.meta.txt'), 'airplane\ncar\n');
    await expect(openCifar10(dir)).rejects.toThrow(/batches.meta.txt": expected 10 class names/);
  });
});

describe('cifar100', () => {
  test.each(['', 'cifar-100-binary'])('a label is not the fine one, from %j', async (where) => {
    const dir = temporaryFolder();
    writeCifar100(join(dir, where), 60);
    const data = await openCifar100(dir);
    expect(data).toMatchObject({ name: 'cifar100 test', size: 60, pictureShape: [32, 32, 3] });
    expect(data.classes).toHaveLength(100);
    const { pixels, labels } = await data.read(58, 60);
    expect([...labels]).toEqual([58, 59]);
    expect([...pixels.subarray(0, 6)]).toEqual([255, 255, 255, 58, 108, 158]);
    writeCifar100(join(dir, where), 7, 'train.bin');
    expect((await openCifar100(dir, 'train')).size).toBe(7);
  });

  test('records of CIFAR-10, or a fine label of 100, are taken', async () => {
    const dir = temporaryFolder();
    writeCifar100(dir, 1);
    const bytes = Buffer.alloc(3074, 99);
    write(join(dir, 'test.bin'), bytes);
    expect((await openCifar100(dir)).size).toBe(1);
    bytes[1] = 100;
    write(join(dir, 'test.bin'), bytes);
    await expect(openCifar100(dir)).rejects.toThrow(
      'labels below 100 but received 100 in record 0',
    );
    write(join(dir, 'test.bin'), Buffer.alloc(3073));
    await expect(openCifar100(dir)).rejects.toThrow('whole records of 3074 bytes');
  });
});

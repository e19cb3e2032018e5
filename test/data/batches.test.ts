/**
 * Batches: the same pictures for every batch size and after a resume, the numbers that inference
 * sees, every picture once.
 */
import { describe, expect, test } from 'vitest';
import { batchBuffers } from '../../src/data/batch-buffers.js';
import type { BatchOptions } from '../../src/data/batch-options.js';
import {
  type Augmentation,
  batches,
  cutout,
  flip,
  mixup,
  type PictureSet,
  pictureSet,
  randomCrop,
} from '../../src/data/index.js';
import { trainedPreprocess } from '../../src/data/normalization.js';
import { preprocessPixels } from '../../src/data/preprocess.js';
import { randomStream } from '../../src/nn/random.js';

const ALL: readonly Augmentation[] = [
  randomCrop({ padding: 2, mode: 'reflect' }),
  flip(),
  cutout({ size: 3 }),
  mixup({ alpha: 1 }),
];

/** `size` random pictures of [6, 5, C] in three classes. */
function randomSet(size: number, channels: 1 | 3 = 3): PictureSet {
  const random = randomStream(7, 'pixels');
  return pictureSet({
    name: 'random',
    classes: ['a', 'b', 'c'],
    pictureShape: [6, 5, channels],
    normalization:
      channels === 3
        ? { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] }
        : { mean: [0.13], std: [0.31] },
    pixels: Uint8Array.from({ length: size * 30 * channels }, () => Math.floor(random() * 256)),
    labels: Int32Array.from({ length: size }, (_, i) => i % 3),
  });
}

/** Picture i is i everywhere, its class too; normalization leaves i / 255. */
function numberedSet(size: number): PictureSet {
  return pictureSet({
    name: 'numbered',
    classes: Array.from({ length: size }, (_, i) => String(i)),
    pictureShape: [4, 4, 1],
    normalization: { mean: [0], std: [1] },
    pixels: Uint8Array.from({ length: size * 16 }, (_, i) => Math.floor(i / 16)),
    labels: Int32Array.from({ length: size }, (_, i) => i),
  });
}

/** Every picture of an epoch: floats, label and target. */
function rows(set: PictureSet, options: BatchOptions): string[] {
  const stride = set.pictureShape.reduce((a, b) => a * b, 1);
  const found: string[] = [];
  for (const { size, x, labels, targets } of batches(set, options)) {
    for (let i = 0; i < size; i++) {
      const target = targets?.subarray(i * set.classes.length, (i + 1) * set.classes.length) ?? [];
      found.push([labels[i], ...x.subarray(i * stride, (i + 1) * stride), ...target].join());
    }
  }
  return found;
}

describe('the same batches again', () => {
  const set = randomSet(23);
  const options = { batchSize: 4, seed: 5, epoch: 2, shuffle: true, augment: ALL };

  test('a picture depends on the size of its batch', () => {
    const whole = rows(set, options);
    expect(whole).toHaveLength(23);
    for (const batchSize of [1, 7, 23, 100])
      expect(rows(set, { ...options, batchSize })).toEqual(whole);
  });

  test('a run that goes on at a batch gets other pictures', () => {
    const whole = rows(set, options);
    for (const from of [1, 3, 5, 6])
      expect(rows(set, { ...options, from })).toEqual(whole.slice(4 * from));
  });

  test('another seed or epoch gives the same order or the same chances', () => {
    const plain = { ...options, augment: [] };
    const unshuffled = rows(set, { ...options, shuffle: false });
    for (const other of [{ seed: 6 }, { epoch: 3 }]) {
      expect(rows(set, { ...plain, ...other })).not.toEqual(rows(set, plain));
      const chances = rows(set, { ...options, ...other, shuffle: false });
      // A picture of 90 floats that is cropped, erased and mixed is not the same by chance.
      expect(chances.filter((row, i) => row === unshuffled[i])).toEqual([]);
    }
  });

  test('order is part of the chances: shuffled pictures are augmented otherwise', () => {
    const unshuffled = rows(set, { ...options, shuffle: false });
    expect([...rows(set, options)].sort()).toEqual([...unshuffled].sort());
  });
});

describe('pictures', () => {
  test.each([1, 3] as const)(
    '%d channels: training sees other numbers than inference',
    (channels) => {
      const set = randomSet(5, channels);
      const bytes = Uint8Array.from([0, 1, 2, 3, 4].flatMap((i) => [...set.bytes(i)]));
      const preprocess = trainedPreprocess(set.pictureShape, set.normalization);
      const wanted = preprocessPixels(bytes, set.pictureShape, preprocess);
      const [batch] = batches(set, { batchSize: 5 });
      expect(batch?.x).toEqual(wanted.data);
      expect(wanted.shape).toEqual([5, 6, 5, channels]);
      expect([...(batch?.labels ?? [])]).toEqual([0, 1, 2, 0, 1]);
      expect(batch?.targets).toBeUndefined();
    },
  );

  test('a border of black is not normalized, or a pixel comes from the wrong place', () => {
    const set = randomSet(40);
    const options = { batchSize: 40, seed: 1, augment: [randomCrop({ padding: 1 }), flip()] };
    const [plain] = batches(set, { batchSize: 40 });
    const [batch] = batches(set, options);
    const black = [...batches(black1(set), { batchSize: 1 })][0]?.x.subarray(0, 3) ?? [];
    let borders = 0;
    for (let i = 0; i < 40; i++) {
      // One of the 18 shifts and mirrors must give the picture.
      const candidates = [-1, 0, 1].flatMap((dy) =>
        [-1, 0, 1].flatMap((dx) =>
          [false, true].map((mirror) =>
            naive(plain?.x.subarray(i * 90, (i + 1) * 90) as Float32Array, dy, dx, mirror, black),
          ),
        ),
      );
      const ours = [...(batch?.x.subarray(i * 90, (i + 1) * 90) ?? [])].join();
      const found = candidates.findIndex((candidate) => candidate.join() === ours);
      expect(found).toBeGreaterThanOrEqual(0);
      if (found !== 8 && found !== 9) borders++;
    }
    expect(borders).toBeGreaterThan(20);
  });

  test('cutout leaves another colour than the mean, or another square', () => {
    const set = numberedSet(200);
    const [batch] = batches(set, { batchSize: 200, augment: [cutout({ size: 2 })] });
    const sizes = new Set<number>();
    for (let i = 1; i < 200; i++) {
      const picture = batch?.x.subarray(i * 16, (i + 1) * 16) ?? [];
      const erased = [...picture].flatMap((value, at) => (value === 0 ? [at] : []));
      const kept = [...picture].filter((value) => value !== 0);
      expect(new Set(kept)).toEqual(new Set([Math.fround(i / 255)]));
      sizes.add(erased.length);
      const [first = 0] = erased;
      expect([1, 2, 4]).toContain(erased.length);
      if (erased.length === 4) expect(erased).toEqual([first, first + 1, first + 4, first + 5]);
    }
    expect(sizes.size).toBe(3);
  });

  test('mixed pictures and their targets have different shares', () => {
    const set = numberedSet(200);
    const [batch] = batches(set, { batchSize: 200, seed: 3, augment: [mixup({ alpha: 1 })] });
    const partners = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const target = batch?.targets?.subarray(i * 200, (i + 1) * 200) as Float32Array;
      const mixed = [...target].flatMap((share, k) => (share > 0 ? [{ share, k }] : []));
      expect(mixed.length).toBeLessThanOrEqual(2);
      expect(mixed.reduce((sum, { share }) => sum + share, 0)).toBe(1);
      expect(batch?.labels[i]).toBe(i);
      const wanted = mixed.reduce((sum, { share, k }) => sum + (share * k) / 255, 0);
      for (const value of batch?.x.subarray(i * 16, (i + 1) * 16) ?? [])
        expect(value).toBeCloseTo(wanted, 6);
      for (const { k } of mixed) if (k !== i) partners.add(k);
    }
    // Partners come from the whole set: 200 draws of 200 meet about 126.
    expect(partners.size).toBeGreaterThan(100);
  });
});

describe('an epoch', () => {
  test('a picture is missing or comes twice', () => {
    const set = numberedSet(100);
    const seen: number[] = [];
    for (const { labels } of batches(set, { batchSize: 7, shuffle: true })) seen.push(...labels);
    expect(seen).not.toEqual([...seen].sort((a, b) => a - b));
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('pictures stay near their place when shuffled', () => {
    const set = numberedSet(200);
    let distance = 0;
    for (let epoch = 0; epoch < 20; epoch++) {
      let place = 0;
      for (const { labels } of batches(set, { batchSize: 50, shuffle: true, epoch }))
        for (const label of labels) distance += Math.abs(label - place++);
    }
    // The mean distance of two places is a third of the length.
    expect(distance / 4000 / 200).toBeGreaterThan(0.31);
    expect(distance / 4000 / 200).toBeLessThan(0.36);
  });

  test('the last batch is lost, or kept with dropLast', () => {
    const set = numberedSet(10);
    const sizes = (options: BatchOptions) => [...batches(set, options)].map(({ size }) => size);
    expect(sizes({ batchSize: 4 })).toEqual([4, 4, 2]);
    expect(batches(set, { batchSize: 4 }).steps).toBe(3);
    expect(sizes({ batchSize: 4, dropLast: true })).toEqual([4, 4]);
    expect(sizes({ batchSize: 5, dropLast: true })).toEqual([5, 5]);
    expect(sizes({ batchSize: 64 })).toEqual([10]);
    const [batch] = batches(set, { batchSize: 64, targets: true });
    expect([batch?.x.length, batch?.labels.length, batch?.targets?.length]).toEqual([160, 10, 100]);
  });
});

describe('buffers', () => {
  const set = numberedSet(12);

  test('a batch changes while a step may still read it', () => {
    const iterator = batches(set, { batchSize: 3 })[Symbol.iterator]();
    const first = iterator.next().value;
    const held = [...first.x];
    iterator.next();
    expect([...first.x]).toEqual(held);
    const third = iterator.next().value;
    expect(third.x.buffer).toBe(first.x.buffer);
  });

  test("the caller's buffers are not used", () => {
    const own = batchBuffers(set, { batchSize: 5, targets: true });
    for (const batch of batches(set, { batchSize: 5, targets: true, buffers: [own] })) {
      expect(batch.x.buffer).toBe(own.x.buffer);
      expect(batch.labels.buffer).toBe(own.labels.buffer);
      expect(batch.targets?.buffer).toBe(own.targets?.buffer);
    }
  });

  test('buffers that are too small are written beyond their end', () => {
    const small = batchBuffers(set, { batchSize: 4 });
    expect(() => batches(set, { batchSize: 5, buffers: [small] })).toThrow(
      /buffers with x, a Float32Array of at least 80 elements/,
    );
    expect(() => batches(set, { batchSize: 4, targets: true, buffers: [small] })).toThrow(
      /buffers with targets/,
    );
    expect(() => batches(set, { batchSize: 4, buffers: [] })).toThrow(/at least one buffer/);
    expect(() => batches(set, { batchSize: 4, buffers: [small] })).not.toThrow();
  });
});

describe('what does not fit is refused before the first batch, by name', () => {
  const set = numberedSet(3);

  test.each([
    [{ batchSize: 0 }, 'batches "numbered": expected batchSize of at least 1 but received 0'],
    [
      { batchSize: 4, dropLast: true },
      'batches "numbered": expected batchSize of at most 3, the pictures of the set, with ' +
        'dropLast but received 4',
    ],
    [{ batchSize: 2, seed: -1 }, /seed to be a whole number/],
    [{ batchSize: 2, epoch: 0.5 }, /epoch to be a whole number/],
    [{ batchSize: 2, from: 3 }, /from to be 0 to 2/],
    [{ batchSize: 2, normalization: { mean: [0], std: [0] } }, /std above 0/],
    [{ batchSize: 2, normalization: { mean: [0, 0, 0], std: [1] } }, /1 finite numbers as mean/],
    [{ batchSize: 2, shufle: true }, /did you mean "shuffle"/],
    [{ batchSize: 2, augment: [cutout({ size: 1 }), flip()] }, /received flip after cutout/],
    [
      { batchSize: 2, augment: [mixup({ alpha: 1 }), mixup({ alpha: 1 })] },
      /received mixup after mixup/,
    ],
    [{ batchSize: 2, augment: [randomCrop({ padding: 4 })] }, /padding below the sides/],
  ])('%j', (options, message) => {
    expect(() => batches(set, options as never)).toThrow(message);
  });

  test('an empty set', () => {
    expect(() => batches(numberedSet(0), { batchSize: 1 })).toThrow(
      'batches "numbered": expected at least one picture but received an empty set',
    );
  });

  test('labels and pixels that do not fit the classes', () => {
    const parts = {
      name: 'bad',
      classes: ['a', 'b'],
      pictureShape: [1, 1, 1],
      normalization: { mean: [0], std: [1] },
    } as const;
    const make = (pixels: number, labels: number[]) => () =>
      pictureSet({ ...parts, pixels: new Uint8Array(pixels), labels: Int32Array.from(labels) });
    expect(make(2, [0, 2])).toThrow(
      'pictureSet "bad": expected labels from 0 to 1 but received 2 of picture 1',
    );
    expect(make(1, [-1])).toThrow(/-1 of picture 0/);
    expect(make(3, [0, 1])).toThrow(/2 pixel bytes, 2 pictures of \[1, 1, 1\] but received 3/);
    expect(make(2, [0, 1])).not.toThrow();
    const two = { ...parts, pictureShape: [1, 1, 2] as never };
    expect(() =>
      pictureSet({ ...two, pixels: new Uint8Array(2), labels: new Int32Array(1) }),
    ).toThrow('pictureSet "bad": expected pictures of 1 or 3 channels but received 2');
  });
});

/** One black picture of the set's shape. */
function black1(set: PictureSet): PictureSet {
  const { pictureShape, normalization, classes } = set;
  const pixels = new Uint8Array(pictureShape.reduce((a, b) => a * b, 1));
  return pictureSet({
    name: 'black',
    classes,
    pictureShape,
    normalization,
    pixels,
    labels: Int32Array.of(0),
  });
}

/** A picture [6, 5, 3], shifted, then mirrored, pixel by pixel. */
function naive(
  x: Float32Array,
  dy: number,
  dx: number,
  mirror: boolean,
  black: ArrayLike<number>,
): number[] {
  const out: number[] = [];
  for (let i = 0; i < 6; i++) {
    for (let j = 0; j < 5; j++) {
      const [row, column] = [i + dy, (mirror ? 4 - j : j) + dx];
      const inside = row >= 0 && row < 6 && column >= 0 && column < 5;
      for (let c = 0; c < 3; c++)
        out.push(inside ? (x[(row * 5 + column) * 3 + c] as number) : (black[c] as number));
    }
  }
  return out;
}

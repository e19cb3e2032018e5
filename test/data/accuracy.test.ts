/** Accuracy and batches, on runners that are functions: no addon is needed. */
import { describe, expect, test } from 'vitest';
import type { Shape } from '../../src/core/shape.js';
import { measureAccuracy } from '../../src/data/accuracy.js';
import type { Dataset } from '../../src/data/dataset.js';
import type { Preprocess } from '../../src/data/preprocess.js';
import { topClasses } from '../../src/data/top-k.js';
import { type Runner, runRows } from '../../src/runtime/run-rows.js';
import { Tensor } from '../../src/tensor/tensor.js';

const PLAIN: Preprocess = { layout: 'flat', color: 'gray', scale: 1, mean: [0], std: [1] };

/** Pictures of one pixel: picture i is i, its label i mod 10. */
function countingData(size: number): Dataset {
  return {
    name: 'counting',
    classes: Array.from({ length: 10 }, (_, i) => String(i)),
    size,
    pictureShape: [1, 1, 1],
    notes: [],
    read: async (from, to) => ({
      pixels: Uint8Array.from({ length: to - from }, (_, i) => from + i),
      labels: Int32Array.from({ length: to - from }, (_, i) => (from + i) % 10),
    }),
  };
}

/** x [batch, 1] -> scores(x) [batch, 10]. */
function runner(
  scores: (x: number) => number[],
  batch: Shape[0] = 'N',
  log: number[] = [],
): Runner {
  return {
    inputMetadata: [{ name: 'x', dtype: 'f32', shape: [batch, 1] }],
    outputMetadata: [{ name: 'y', dtype: 'f32', shape: [batch, 10] }],
    async run({ x }) {
      const rows = Array.from((x as Tensor<'f32'>).data);
      log.push(rows.length);
      return { y: new Tensor('f32', Float32Array.from(rows.flatMap(scores)), [rows.length, 10]) };
    },
  };
}

const oneHot = (k: number) => Array.from({ length: 10 }, (_, i) => (i === k ? 1 : 0));

describe('measureAccuracy', () => {
  test('counts top-1 and top-5, ties in favour of the lower index', async () => {
    const data = countingData(100);
    const result = await measureAccuracy(
      runner((x) => oneHot(x % 4 === 0 ? (x + 1) % 10 : x % 10)),
      data,
      PLAIN,
      { batch: 7 },
    );
    expect(result).toMatchObject({ top1: 75, n: 100 });
    // The 25 wrong answers are of the labels 0, 2, 4, 6, 8, five each; such a label ranks behind
    // the answer and the zeros before it, so 4 ranks 5.
    expect(result.top5).toBe(100 - 3 * 5);
    expect(result.imagesPerSecond).toBeGreaterThan(0);
  });

  test('NaN is never right, equal scores go to the lower index', async () => {
    expect(
      await measureAccuracy(
        runner(() => new Array(10).fill(Number.NaN)),
        countingData(10),
        PLAIN,
      ),
    ).toMatchObject({ top1: 0, top5: 0 });
    expect(
      await measureAccuracy(
        runner(() => new Array(10).fill(1)),
        countingData(10),
        PLAIN,
      ),
    ).toMatchObject({ top1: 10, top5: 50 });
    expect(topClasses(Float32Array.of(1, Number.NaN, 3, 3), 3)).toEqual([2, 3, 0]);
  });

  test('takes only `limit` pictures, in whole batches, and reports progress', async () => {
    const log: number[] = [];
    const seen: number[] = [];
    const options = { limit: 25, batch: 10, onProgress: (done: number) => seen.push(done) };
    expect(
      await measureAccuracy(runner(oneHot, 'N', log), countingData(100), PLAIN, options),
    ).toMatchObject({ n: 25 });
    expect(log.sort()).toEqual([10, 10, 5].sort());
    expect(seen.at(-1)).toBe(25);
  });

  test('a failing batch fails the evaluation and stops it', async () => {
    const log: number[] = [];
    const broken = runner((x) => (x === 3 ? [] : oneHot(0)), 'N', log);
    await expect(
      measureAccuracy(broken, countingData(200), PLAIN, { batch: 2 }),
    ).rejects.toMatchObject({
      code: 'ERR_SHAPE',
    });
    expect(log.length).toBeLessThan(10);
  });

  test('refuses two inputs, other dtypes and too few scores', async () => {
    const two = runner(oneHot);
    const inputs = [...two.inputMetadata, { name: 'z', dtype: 'f32' as const, shape: [1] }];
    await expect(
      measureAccuracy({ ...two, inputMetadata: inputs }, countingData(4), PLAIN),
    ).rejects.toThrow(/a model with one input but received "?2 inputs"?/);
    const integer = [{ name: 'x', dtype: 'i8' as const, shape: ['N', 1] }];
    await expect(
      measureAccuracy({ ...two, inputMetadata: integer }, countingData(4), PLAIN),
    ).rejects.toMatchObject({
      code: 'ERR_DTYPE',
      node: 'x',
    });
    const few: Runner = {
      ...two,
      run: async ({ x }) => ({
        y: new Tensor('f32', new Float32Array((x as Tensor).size * 9), [(x as Tensor).size, 9]),
      }),
    };
    await expect(measureAccuracy(few, countingData(4), PLAIN)).rejects.toThrow(
      /4 rows of at least 10 scores/,
    );
  });
});

describe('runRows', () => {
  const feed = (rows: number) => ({
    x: new Tensor(
      'f32',
      Float32Array.from({ length: rows }, (_, i) => i),
      [rows, 1],
    ),
  });

  test('a symbolic batch goes in one run', async () => {
    const log: number[] = [];
    await runRows(runner(oneHot, 'N', log), feed(6));
    expect(log).toEqual([6]);
  });

  test('a batch fixed to 2 takes 6 rows in three runs, in order', async () => {
    const log: number[] = [];
    const { y } = await runRows(runner(oneHot, 2, log), feed(6));
    expect(log).toEqual([2, 2, 2]);
    expect(y?.shape).toEqual([6, 10]);
    for (let i = 0; i < 6; i++) expect(y?.data[i * 10 + i]).toBe(1);
  });

  test('5 rows for a batch fixed to 2 are refused by the session', async () => {
    const log: number[] = [];
    await runRows(runner(oneHot, 2, log), feed(5));
    expect(log).toEqual([5]);
  });

  test('an input of the declared shape goes to every run; two batches are refused', async () => {
    const seen: unknown[] = [];
    const sides: Runner = {
      inputMetadata: [
        { name: 'x', dtype: 'f32', shape: [1, 1] },
        { name: 'side', dtype: 'i32', shape: [1] },
      ],
      outputMetadata: [{ name: 'y', dtype: 'i32', shape: [1] }],
      async run({ x, side }) {
        seen.push(side);
        return { y: new Tensor('i32', Int32Array.of((x as Tensor).data[0] as number), [1]) };
      },
    };
    const side = new Tensor('i32', Int32Array.of(9), [1]);
    const { y } = await runRows(sides, { ...feed(3), side });
    expect([...(y as Tensor).data]).toEqual([0, 1, 2]);
    expect(seen).toEqual([side, side, side]);
    const two = new Tensor('i32', Int32Array.of(9, 8), [2]);
    await expect(runRows(sides, { ...feed(3), side: two })).rejects.toMatchObject({
      code: 'ERR_FEED',
    });
  });

  test('bits are cut and joined only at whole bytes', async () => {
    const bits = (width: number): Runner => ({
      inputMetadata: [{ name: 'x', dtype: 'b1', shape: [1, width] }],
      outputMetadata: [{ name: 'y', dtype: 'b1', shape: [1, width] }],
      run: async ({ x }) => ({ y: x as Tensor }),
    });
    const x = new Tensor('b1', Uint8Array.of(1, 2, 3, 4), [2, 16]);
    expect((await runRows(bits(16), { x })).y).toEqual(x);
    const odd = new Tensor('b1', Uint8Array.of(1, 0), [2, 5]);
    await expect(runRows(bits(5), { x: odd })).rejects.toMatchObject({ code: 'ERR_FEED' });
  });
});

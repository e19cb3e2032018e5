/**
 * Results written into memory of the caller's: the same numbers as fresh arrays, and nothing
 * written by a run that gives none.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor, type TensorLike } from '../../src/tensor/tensor.js';
import { failureOf } from './failure.js';
import { data, LONG_FEED, long, network, picture } from './graphs.js';

/** Outputs of four dtypes; `y` alone has a symbol in its shape that only a run tells. */
function several() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 70]);
  return g.graph([x], {
    y: g.mul(x, 2),
    bits: g.sign(x),
    whole: g.cast(g.round(x), 'i32'),
    small: g.cast(g.clip(g.round(x), -8, 7), 'i4'),
  });
}

const session = GraphSession.fromGraph(several());
afterAll(() => session.release());
const values = Float32Array.from({ length: 140 }, (_, i) => i - 70);
const feeds = { x: new Tensor('f32', values, [2, 70]) };

/** A run whose options no type describes. */
const run = (rest: object, of: { run: unknown } = session, fed: object = feeds) =>
  (of.run as (...all: unknown[]) => Promise<Record<string, Tensor>>).call(of, fed, rest);

describe('a result is written into', () => {
  test('the tensors given, of every dtype, and they are what the run gives', async () => {
    const fresh = await session.run(feeds);
    const given = {
      y: new Tensor('f32', new Float32Array(140), [2, 70]),
      bits: new Tensor('b1', new Uint8Array(18), [2, 70]),
      whole: new Tensor('i32', new Int32Array(140), [2, 70]),
      small: new Tensor('i4', new Int8Array(140), [2, 70]),
    };
    const results = await session.run(feeds, { outputs: given });
    for (const name of ['y', 'bits', 'whole', 'small'] as const) {
      expect(results[name]).toBe(given[name]);
      expect(data(given[name])).toEqual(data(fresh[name]));
      expect(data(given[name]).some((value) => value !== 0)).toBe(true);
    }
  });

  test('a typed array, whatever it held, as a tensor over it', async () => {
    const [y, small] = [new Float32Array(140), new Int8Array(140).fill(100)];
    const results = await run({ y, small });
    expect(Object.keys(results)).toEqual(['y', 'small']);
    expect(results.y).toMatchObject({ dtype: 'f32', shape: [2, 70] });
    expect(results.y?.data).toBe(y);
    expect([y[0], y[139], small[0], small[139]]).toEqual([-140, 138, -8, 7]);
  });

  test('the plain form of a tensor, and a part of a buffer beside another part', async () => {
    const buffer = new ArrayBuffer(1200);
    const y: TensorLike = {
      dtype: 'f32',
      data: new Float32Array(buffer, 0, 140),
      shape: [2, 70],
    };
    const whole = new Int32Array(buffer, 560, 140);
    const results = await run({ outputs: { y, whole, bits: null } });
    expect(results.y).toBeInstanceOf(Tensor);
    expect(results.y?.data).toBe(y.data);
    expect([(y.data as Float32Array)[1], whole[1], whole[139]]).toEqual([-138, -69, 69]);
    expect(new Uint8Array(buffer, 1120).every((byte) => byte === 0)).toBe(true);
    expect(results.bits?.data).toHaveLength(18);
  });

  test('memory that threads share', async () => {
    const y = new Float32Array(new SharedArrayBuffer(560));
    await run({ y });
    expect([y[0], y[139]]).toEqual([-140, 138]);
  });

  test('the same memory run after run, while other runs are in flight', async () => {
    const graph = network();
    const many = GraphSession.fromGraph(graph);
    const seeds = [1, 2, 3, 4];
    const fresh = await Promise.all(seeds.map((seed) => many.run(picture(seed, seed))));
    const own = seeds.map((seed) => new Float32Array(seed * 10));
    for (let round = 0; round < 5; round++) {
      for (const each of own) each.fill(Number.NaN);
      await Promise.all(
        seeds.map((seed, i) => many.run(picture(seed, seed), { scores: own[i] as Float32Array })),
      );
      own.forEach((each, i) => {
        expect([...each]).toEqual(data(fresh[i]?.scores as Tensor));
      });
    }
    await many.release();
  });
});

const f32 = (shape: number[], bytes = new ArrayBuffer(4096), at = 0) =>
  new Tensor('f32', new Float32Array(bytes, at, shape[0]! * shape[1]!), shape);

describe('memory that does not fit', () => {
  const shared = new ArrayBuffer(4096);
  test.each<[string, object, RegExp]>([
    ['of another dtype', { y: new Tensor('i32', new Int32Array(140), [2, 70]) }, /dtype i32/],
    ['of another shape', { y: f32([70, 2]) }, /f32\[2, 70\] but received shape \[70, 2\]/],
    ['of another batch', { y: f32([1, 70]) }, /received shape \[1, 70\]/],
    ['of another kind', { y: new Int32Array(140) }, /a Tensor or Float32Array/],
    ['of another length', { y: new Float32Array(139) }, /140 elements .* received 139/],
    ['detached', { y: detached() }, /received a detached array/],
    ['bytes for bits', { bits: new Uint8Array(18) }, /"bits": expected a Tensor as memory for b1/],
    [
      'too few bytes for bits',
      { bits: { dtype: 'b1', data: new Uint8Array(17), shape: [2, 70] } },
      /18 elements/,
    ],
    ['no array', { y: new DataView(shared) }, /expected null/],
    [
      'overlapping another output',
      { y: f32([2, 70], shared), whole: new Int32Array(shared, 556, 140) },
      /"whole": .* overlaps that of "y"/,
    ],
    ['overlapping a feed', { y: new Float32Array(values.buffer, 0, 140) }, /overlaps a feed/],
  ])('%s: refused, nothing written', async (_, outputs, message) => {
    const before = new Uint8Array(shared).slice();
    const kept = values.slice();
    const error = await failureOf(run({ outputs }));
    expect(error).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(message),
    });
    expect(new Uint8Array(shared)).toEqual(before);
    expect(values).toEqual(kept);
  });
});

/** An array whose memory has gone elsewhere. */
function detached(): Float32Array {
  const array = new Float32Array(140);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

describe('while a run is in flight its memory', () => {
  const slow = GraphSession.fromGraph(long(40));
  afterAll(() => slow.release());
  const size = 56 * 56 * 32;

  test('serves no other run, of whichever session, until the first has ended', async () => {
    const y = new Float32Array(size);
    const first = run({ y }, slow, LONG_FEED);
    const error = await failureOf(run({ y: y.subarray(0, 140) }));
    expect(error).toMatchObject({ code: 'ERR_ARGUMENT', node: 'y' });
    expect((error as Error).message).toMatch(/which has not ended will write/);
    await first;
    await run({ y: y.subarray(0, 140) });
    expect(y[0]).toBe(-140);
  });

  test('may be lost: the run fails, and says so', async () => {
    const y = new Float32Array(size);
    const first = run({ y }, slow, LONG_FEED);
    structuredClone(y.buffer, { transfer: [y.buffer] });
    expect(await failureOf(first)).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/"y": .* stays as it is during the run .* detached/),
    });
  });

  test('stays as it was where the run is aborted, and serves the next', async () => {
    const y = new Float32Array(size).fill(7);
    const stop = new AbortController();
    const first = run({ outputs: { y }, signal: stop.signal }, slow, LONG_FEED);
    stop.abort();
    expect(await failureOf(first)).toMatchObject({ code: 'ERR_ABORTED' });
    expect(y.every((value) => value === 7)).toBe(true);
    await run({ y }, slow, LONG_FEED);
    expect(y.every((value) => value === 0)).toBe(true);
  });
});

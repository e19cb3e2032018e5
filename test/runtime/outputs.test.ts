/**
 * Runs that compute some of the outputs: onnxruntime's forms of the call, the results, and the
 * computed layers.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { failureOf } from './failure.js';
import { data } from './graphs.js';

/** Three outputs, each behind a layer of its own: twice x, x + 10, signs. */
function three() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 3]);
  const y = g.mul(x, 2, { name: 'double' });
  const z = g.add(x, 10, { name: 'ten' });
  return g.graph([x], { y, score: z, 7: g.sign(x, { name: 'signs' }) });
}

const graph = three();
const session = GraphSession.fromGraph(graph);
const feeds = { x: Float32Array.of(1, -2, 3) };
afterAll(() => session.release());

describe('the outputs that are asked for', () => {
  test.each<[string, (s: typeof session) => Promise<unknown>, string[]]>([
    ['none named', (s) => s.run(feeds), ['7', 'y', 'score']],
    ['options without outputs', (s) => s.run(feeds, {}), ['7', 'y', 'score']],
    ['undefined', (s) => s.run(feeds, undefined), ['7', 'y', 'score']],
    ['a list', (s) => s.run(feeds, ['score']), ['score']],
    [
      'a list and options',
      (s) => s.run(feeds, ['score', 'y'], { signal: new AbortController().signal }),
      ['score', 'y'],
    ],
    ['a list and undefined', (s) => s.run(feeds, ['y'], undefined), ['y']],
    ['a map', (s) => s.run(feeds, { y: null }), ['y']],
    ['a map and options', (s) => s.run(feeds, { score: null, y: null }, {}), ['score', 'y']],
    ['an option that is a list', (s) => s.run(feeds, { outputs: ['y'] }), ['y']],
    ['an option that is a map', (s) => s.run(feeds, { outputs: { score: null } }), ['score']],
    [
      'all of them, in another order',
      (s) => s.run(feeds, ['score', 'y', '7']),
      ['7', 'score', 'y'],
    ],
  ])('%s', async (_, run, names) => {
    const results = (await run(session)) as Record<string, Tensor>;
    expect(Object.keys(results)).toEqual(names);
    const all = { y: [2, -4, 6], score: [11, 8, 13], 7: [2] } as Record<string, number[]>;
    for (const name of names) expect(data(results[name] as Tensor), name).toEqual(all[name]);
  });

  test.each<[string, unknown[], string, RegExp]>([
    [
      'one that the model lacks',
      [['ys']],
      'ERR_ARGUMENT',
      /outputs of 7, y, score but received "ys"/,
    ],
    [
      'one that is nearly right',
      [['y', 'scoer']],
      'ERR_ARGUMENT',
      /received "scoer": did you mean "score"\?/,
    ],
    ['one twice', [['y', 'y']], 'ERR_ARGUMENT', /every output once/],
    ['no output', [[]], 'ERR_ARGUMENT', /at least one output/],
    ['no output of a map', [{ outputs: {} }], 'ERR_ARGUMENT', /at least one output/],
    ['no names', [[1]], 'ERR_ARGUMENT', /names of outputs/],
    ['a name without a list', ['y'], 'ERR_ARGUMENT', /options as an object/],
    ['an array in place of a tensor', [{ y: [0, 0] }], 'ERR_ARGUMENT', /run "y": expected null/],
    ['nothing in place of a tensor', [{ y: undefined }], 'ERR_ARGUMENT', /run "y": expected null/],
    ['a map to true', [{ outputs: { y: true } }], 'ERR_ARGUMENT', /run "y": expected null/],
    ['both ways at once', [['y'], { outputs: ['y'] }], 'ERR_ARGUMENT', /outputs once/],
    [
      'a misspelt option beside a list',
      [['y'], { sgnal: null }],
      'ERR_ARGUMENT',
      /did you mean "signal"/,
    ],
  ])('%s: refused', async (_, rest, code, message) => {
    const error = await failureOf(
      (session.run as (...all: unknown[]) => Promise<unknown>).call(session, feeds, ...rest),
    );
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('an output with the name of an option is fetched where its value is null', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1]);
    const named = GraphSession.fromGraph(g.graph([x], { signal: g.neg(x), y: g.abs(x) }));
    expect(
      Object.keys(await named.run({ x: Float32Array.of(1) }, { signal: null } as never)),
    ).toEqual(['signal']);
    await named.release();
  });
});

test('a run of one fast output does not compute the slow ones', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 64, 64, 16]);
  const w = g.constant(new Tensor('f32', new Float32Array(16 * 9 * 16).fill(0.01), [16, 3, 3, 16]));
  let slow = g.conv2d(x, w, { pads: [1, 1, 1, 1] });
  for (let i = 0; i < 30; i++) slow = g.conv2d(slow, w, { pads: [1, 1, 1, 1] });
  const quick = g.reduce(x, 'sum', [1, 2, 3]);
  const both = GraphSession.fromGraph(g.graph([x], { slow, quick }), { threads: 1 });
  const feed = { x: new Float32Array(64 * 64 * 16).fill(1) };
  const best = async (run: () => Promise<unknown>) => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 5; i++) {
      const began = performance.now();
      await run();
      least = Math.min(least, performance.now() - began);
    }
    return least;
  };
  const whole = await best(() => both.run(feed));
  const part = await best(() => both.run(feed, ['quick']));
  expect(part).toBeLessThan(whole / 4);
  expect(data((await both.run(feed, ['quick'])).quick)).toEqual([64 * 64 * 16]);
  // A program of its own, with a smaller arena; the order asked for makes no other.
  expect(both.info.programs).toBe(2);
  await both.run(feed, ['quick', 'slow']);
  await both.run(feed, ['slow', 'quick']);
  expect(both.info.programs).toBe(2);
  await both.release();
});

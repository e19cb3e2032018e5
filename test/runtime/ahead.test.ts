/**
 * Programs that are compiled in turns of the event loop: runs that cannot wait for the end of it,
 * other sizes, sessions that are released meanwhile.
 */
import { setImmediate } from 'node:timers';
import { afterEach, expect, test, vi } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { SessionConstants } from '../../src/runtime/compile.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Numbers } from '../passes/fixtures.js';
import { failureOf } from './failure.js';
import { data, expectedOf, network, picture } from './graphs.js';

afterEach(() => vi.restoreAllMocks());

/** Layers enough for dozens of turns, with weights that are packed alone. */
function deep() {
  const n = new Numbers(3);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4, 4, 64]);
  let y = g.conv2d(x, g.constant(n.integers([64, 3, 3, 64])), { pads: [1, 1, 1, 1] });
  for (let i = 0; i < 40; i++)
    y = g.relu(g.conv2d(y, g.constant(n.integers([64, 3, 3, 64], -1, 1)), { pads: [1, 1, 1, 1] }));
  return g.graph([x], { y: g.reduce(y, 'max', [1, 2]) });
}

test('the event loop goes on while a session compiles ahead', async () => {
  const session = GraphSession.fromGraph(deep());
  let turns = 0;
  let goes = true;
  const count = () => {
    turns++;
    if (goes) setImmediate(count);
  };
  setImmediate(count);
  await session.warm([1]);
  goes = false;
  expect(turns).toBeGreaterThan(3);
  await session.release();
});

test('a run takes over what is compiled for it, and ends what is for another size', async () => {
  const compiling = vi.spyOn(SessionConstants.prototype, 'compiling');
  const session = GraphSession.fromGraph(network());
  const [same, other] = [picture(1, 3), picture(2, 2)];
  const [first, second] = [session.warm([3]), session.warm([4])];
  const results = await Promise.all([session.run(same), session.run(other)]);
  await Promise.all([first, second]);
  const want = [expectedOf(network(), same), expectedOf(network(), other)];
  expect(results.map(({ scores }) => data(scores))).toEqual(want.map((w) => data(w.scores!)));
  expect(compiling).toHaveBeenCalledTimes(3);
  expect(session.info.programs).toBe(3);
  await session.run(picture(3, 4));
  expect(compiling).toHaveBeenCalledTimes(3);
  await session.release();
});

test('packed weights are the same in turns and at once', async () => {
  const [inTurns, atOnce] = [GraphSession.fromGraph(deep()), GraphSession.fromGraph(deep())];
  const feeds = { x: new Numbers(5).integers([2, 4, 4, 64]) };
  await inTurns.warm([2]);
  const [a, b] = [await inTurns.run(feeds), await atOnce.run(feeds)];
  expect(a).toEqual(b);
  expect(inTurns.info).toEqual(atOnce.info);
  await inTurns.release();
  await atOnce.release();
});

test('a session that is released meanwhile compiles no further', async () => {
  const session = GraphSession.fromGraph(deep());
  const warm = failureOf(session.warm([1, 2, 3]));
  const released = session.release();
  expect(await warm).toMatchObject({ code: 'ERR_RELEASED' });
  await released;
  expect(session.info).toMatchObject({ programs: 0, packedBytes: 0 });
});

/**
 * The demo without a data set, on few pictures. Not here: that the whole one learns, which
 * `npm run demo` itself says by its exit code.
 */
import { beforeEach, expect, test, vi } from 'vitest';
import { binaryNetwork } from '../../src/cli/demo-networks.js';
import { demoStory } from '../../src/cli/demo-story.js';
import { shapes } from '../../src/data/shapes.js';
import type * as Model from '../../src/formats/safetensors/model.js';
import { fakeIo } from './cli.js';

const damage = vi.hoisted(() => ({ graph: undefined as unknown }));
vi.mock('../../src/formats/safetensors/model.js', async (original) => {
  const real = await original<typeof Model>();
  return {
    ...real,
    saveModel: (graph: never, path: string) =>
      real.saveModel((damage.graph as never) ?? graph, path),
  };
});
beforeEach(() => {
  damage.graph = undefined;
});

const sets = shapes({ train: 400, test: 104 });

test('the story lacks a part, or the packed network answers otherwise', async () => {
  const io = fakeIo();
  expect(await demoStory(io, { sets, epochs: 2, seconds: 0 })).toBe(0);
  expect(io.err()).toMatch(/^epoch 1\/2: loss [\d.]+, train [\d.]+ %, test [\d.]+ %, .*\n/);
  const out = io.out();
  for (const line of [
    /^400 drawn pictures of 8 shapes to train on, 104 others to test on$/m,
    /^a linear classifier of the pixels: [\d.]+ %$/m,
    /^a binary network, trained for 1 epoch of 2, as many as fit into 0 s, in [\d.]+ s$/m,
    /^predictions that differ +0 of 104$/m,
    /^time of one picture, float +[\d.,]+ (us|ms) \([\d.,]+ times as long\)$/m,
    /^time of 100 pictures, packed +[\d.,]+ (us|ms)$/m,
    /^size on disk, packed +[\d.,]+ KiB$/m,
    /^size on disk, float +[\d.,]+ KiB \([\d.,]+ times as large\)$/m,
  ])
    expect(out).toMatch(line);
  const accuracies = [...out.matchAll(/^accuracy (?:before|after) packing +(.*)$/gm)];
  expect(accuracies).toHaveLength(2);
  expect(accuracies[0]?.[1]).toBe(accuracies[1]?.[1]);
});

test('a packed network that answers otherwise is no error', async () => {
  const other = binaryNetwork(sets.train);
  damage.graph = other.graph(other.init(9));
  const io = fakeIo();
  expect(await demoStory(io, { sets, epochs: 2, seconds: 0 })).toBe(1);
  expect(io.out()).toMatch(/^predictions that differ +[1-9]\d* of 104$/m);
});

test('a network that had all its epochs and did not learn is no error', async () => {
  const io = fakeIo();
  expect(await demoStory(io, { sets, epochs: 1, seconds: 1000 })).toBe(1);
  expect(io.out()).toMatch(/^expected 90 % or more of a network that had all its epochs$/m);
});

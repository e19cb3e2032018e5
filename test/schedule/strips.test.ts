/**
 * A convolution and the pooling behind it, computed strip by strip, give the same bits as with the
 * whole map between them, in much less memory. Not here: what a convolution or a pool computes
 * (test/native).
 */
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import { GraphSession } from '../../src/runtime/session.js';
import { isStriped } from '../../src/schedule/calls.js';
import { fuse } from '../../src/schedule/fuse.js';
import { cutStrips } from '../../src/schedule/strips.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { Numbers } from '../passes/fixtures.js';

interface Case {
  readonly batch: number;
  readonly size: readonly [number, number, number];
  readonly outputs: number;
  readonly kernel: readonly [number, number];
  readonly conv: object;
  readonly pool: readonly [number, number];
  readonly options: object;
  readonly average: boolean;
}

/** Wide rows, so that a strip is a few of them. */
function randomCase(seed: number): Case {
  const n = new Numbers(seed);
  const pair = (from: number, to: number): [number, number] => [n.int(from, to), n.int(from, to)];
  const kernel = pair(1, 4);
  const pool = pair(1, 4);
  const below = ([h, w]: readonly [number, number]) => [
    n.int(0, h - 1),
    n.int(0, w - 1),
    n.int(0, h - 1),
    n.int(0, w - 1),
  ];
  const countPad = n.pick(true, false);
  const average = n.pick(true, false);
  return {
    batch: n.pick(1, 1, 2),
    size: [n.int(40, 60), n.int(24, 30), n.int(1, 3)],
    outputs: n.pick(320, 391, 448),
    kernel,
    conv: { strides: [1, n.int(1, 2)], pads: below(kernel), dilations: [n.int(1, 2), 1] },
    pool,
    options: {
      strides: pair(1, 5),
      pads: below(pool),
      dilations: [n.int(1, 2), 1],
      ceil: average && countPad ? false : n.pick(true, false),
      ...(average && { countPad }),
    },
    average,
  };
}

/**
 * The pooled map, its signs, and, where `whole`, the map itself, which then has to be in memory.
 */
function graphOf(seed: number, whole: boolean) {
  const { batch, size, outputs, kernel, conv, pool, options, average } = randomCase(seed);
  const n = new Numbers(seed + 1000);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [batch, ...size]);
  const sums = g.conv2d(x, g.constant(n.floats([outputs, ...kernel, size[2]])), conv);
  const map = g.add(g.mul(sums, g.constant(n.scales([outputs]))), g.constant(n.floats([outputs])));
  const pooled = average ? g.avgPool2d(map, pool, options) : g.maxPool2d(map, pool, options);
  const y = g.relu(g.mul(pooled, g.constant(n.scales([outputs]))));
  const results = { y, bits: g.sign(g.sub(y, 0.25)) };
  return whole ? g.graph([x], { ...results, map }) : g.graph([x], results);
}

const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

test('random layers give the same bits in less memory', async () => {
  let cut = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { batch, size } = randomCase(seed);
    const x = new Numbers(seed).floats([batch, ...size]);
    const [striped, whole] = [graphOf(seed, false), graphOf(seed, true)];
    if (!cutStrips(fuse(optimize(striped)), optimize(striped)).some(isStriped)) continue;
    cut++;
    const reference = GraphSession.fromGraph(whole, { threads: 1 });
    const wanted = (await reference.run({ x } as never)) as unknown as Record<string, Tensor>;
    for (const options of [{ threads: 1 }, { threads: 1, isa: 'scalar' }] as const) {
      const session = GraphSession.fromGraph(striped, options);
      // Scalar code rounds twice where the others fuse, so it is compared with itself.
      const scalar = 'isa' in options ? GraphSession.fromGraph(whole, options) : undefined;
      const by =
        ((await scalar?.run({ x } as never)) as unknown as Record<string, Tensor> | undefined) ??
        wanted;
      for (let run = 0; run < 2; run++) {
        const got = (await session.run({ x } as never)) as unknown as Record<string, Tensor>;
        for (const name of ['y', 'bits'])
          expect(bytes(got[name]!).equals(bytes(by[name]!)), `seed ${seed} ${name}`).toBe(true);
      }
      expect(session.info.arenaBytes).toBeLessThan(reference.info.arenaBytes);
      await Promise.all([session.release(), scalar?.release()]);
    }
    await reference.release();
  }
  expect(cut).toBeGreaterThan(20);
});

/**
 * The end of a binary block: bits and shortcut in, the signs of the map and its pool out; `twice`
 * where the block doubles its channels.
 */
function binaryBlock(seed: number, twice: boolean, odd = 0) {
  const n = new Numbers(seed);
  const [height, width, c] = [2 * n.int(20, 30) + odd, n.int(50, 60), n.pick(64, 96, 128)];
  const o = twice ? 2 * c : c;
  const [kernel, pad] = n.pick([1, 0], [3, 1]);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, height, width, c]);
  const weights = g.sign(g.constant(n.floats([o, kernel!, kernel!, c])));
  const sums = g.conv2d(g.sign(x), weights, { pads: [pad!, pad!, pad!, pad!] });
  const scaled = g.add(
    g.mul(g.cast(sums, 'f32'), g.constant(n.scales([o]))),
    twice ? g.concat([x, x], 3) : x,
  );
  const pixels = g.input('pixels', 'f32', [1, height, width, 1]);
  const map = g.prelu(g.mul(scaled, pixels), g.constant(n.floats([o])));
  const y = g.avgPool2d(map, [2, 2], { strides: [2, 2] });
  const graph = g.graph([x, pixels], { y, bits: g.sign(g.add(map, g.constant(n.floats([o])))) });
  return {
    graph,
    feeds: { x: n.floats([1, height, width, c]), pixels: n.floats([1, height, width, 1]) },
  };
}

test.each([1, 2, 3, 4, 5, 6])(
  'binary convolutions with bits, shortcut and scale by pixel, seed %i',
  async (seed) => {
    const { graph, feeds } = binaryBlock(seed, true);
    const bound = bind(optimize(graph), {});
    expect(cutStrips(fuse(bound), bound).filter(isStriped)).toHaveLength(1);
    const [striped, whole] = [
      GraphSession.fromGraph(graph, { threads: 1 }),
      GraphSession.fromGraph(graph, { threads: 2 }),
    ];
    const [got, wanted] = (await Promise.all([
      striped.run(feeds as never),
      whole.run(feeds as never),
    ])) as unknown as Record<string, Tensor>[];
    for (const name of ['y', 'bits'])
      expect(bytes(got![name]!).equals(bytes(wanted![name]!)), name).toBe(true);
    expect(striped.info.arenaBytes).toBeLessThan(whole.info.arenaBytes);
    await Promise.all([striped.release(), whole.release()]);
  },
);

test('a map that is written over the shortcut stays whole', () => {
  const bound = bind(optimize(binaryBlock(1, false).graph), {});
  expect(cutStrips(fuse(bound), bound).some(isStriped)).toBe(false);
});

test('a map whose pooling skips a row that its signs need stays whole', async () => {
  const { graph, feeds } = binaryBlock(1, true, 1);
  const bound = bind(optimize(graph), {});
  expect(cutStrips(fuse(bound), bound).some(isStriped)).toBe(false);
  const sessions = [1, 2].map((threads) => GraphSession.fromGraph(graph, { threads }));
  const [one, two] = (await Promise.all(
    sessions.map((session) => session.run(feeds as never)),
  )) as unknown as Record<string, Tensor>[];
  expect(bytes(one!.bits!).equals(bytes(two!.bits!))).toBe(true);
  await Promise.all(sessions.map((session) => session.release()));
});

/**
 * A stem as residual networks begin: 3 -> 64 channels, 7x7 with stride 2, then a 3x3 pool with
 * stride 2.
 */
function stem(
  batch: number,
  extra: (g: GraphBuilder, map: ReturnType<GraphBuilder['relu']>) => object = () => ({}),
) {
  const n = new Numbers(3);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 224, 224, 3]);
  const map = g.relu(
    g.conv2d(x, g.constant(n.floats([64, 7, 7, 3])), {
      strides: [2, 2],
      pads: [3, 3, 3, 3],
      name: 'conv',
    }),
  );
  const y = g.maxPool2d(map, [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1], name: 'pool' });
  return bind(g.graph([x], { y, ...extra(g, map) }), { N: batch });
}

describe('a stem', () => {
  test('computes every row of the map once, and every row of the result', () => {
    const graph = stem(2);
    const [kernel, ...others] = cutStrips(fuse(graph), graph);
    expect(others).toEqual([]);
    if (kernel === undefined || !isStriped(kernel)) throw new Error('expected strips');
    const rows = (op: string) =>
      kernel.parts.map((part) =>
        'run' in part && part.run.anchor.op === op ? (part.run.anchor.shape[1] as number) : 0,
      );
    const sum = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
    expect(sum(rows('conv2d'))).toBe(2 * 112);
    expect(sum(rows('maxPool2d'))).toBe(2 * 56);
  });

  test('is profiled as two layers', async () => {
    const session = GraphSession.fromGraph(stem(1), { threads: 1 });
    const layers = await session.profile(1);
    expect(layers.map(({ name }) => name)).toEqual(['conv', 'pool']);
    expect(layers[0]?.macs.float).toBe(112 * 112 * 64 * 147);
    expect(session.info.arenaBytes).toBeLessThan(2 ** 21);
    await session.release();
  });

  test('stays whole for several threads, which would wait at the end of every strip', async () => {
    const session = GraphSession.fromGraph(stem(1), { threads: 2 });
    await session.run({ x: new Float32Array(224 * 224 * 3) } as never);
    expect(session.info.arenaBytes).toBeGreaterThan(112 * 112 * 64 * 4);
    await session.release();
  });

  test.each([
    ['is an output', (_: GraphBuilder, map: object) => ({ map })],
    [
      'is read again',
      (g: GraphBuilder, map: ReturnType<GraphBuilder['relu']>) => ({
        mean: g.reduce(map, 'mean', [1, 2]),
      }),
    ],
  ])('stays whole where the map %s', (_, extra) => {
    const graph = stem(1, extra as never);
    expect(cutStrips(fuse(graph), graph).some(isStriped)).toBe(false);
  });

  test('stays whole for many images, whose strips would cost more than they save', () => {
    const graph = stem(64);
    expect(cutStrips(fuse(graph), graph).some(isStriped)).toBe(false);
  });
});

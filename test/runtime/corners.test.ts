/**
 * Layers at the corners of their attributes, each for itself: dilated pooling of bits under odd
 * borders, borders on one side, softmax of large logits. A session on every instruction set gives
 * the values of the ops' own formulas. Not here: special values (./special-values.test.ts).
 */
import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { supportedIsas } from '../../src/native/isa.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { Numbers } from '../passes/fixtures.js';

type Float = Value<'f32'>;

/**
 * Every instruction set, one thread and two, gives the values of the formulas; in a layer of that
 * kernel, if one is named.
 */
async function expectFormulas(
  graph: Graph,
  x: Tensor<'f32'>,
  { tolerance = 0, kernel = '' } = {},
): Promise<void> {
  const wanted = evaluateGraph(graph, { x });
  for (const isa of supportedIsas() as Isa[]) {
    for (const threads of [1, 2]) {
      const session = GraphSession.fromGraph(graph, { isa, threads });
      const results = (await session.run({ x } as never)) as Record<string, Tensor>;
      for (const [name, { shape, data }] of Object.entries(wanted)) {
        expect([isa, results[name]!.shape]).toEqual([isa, shape]);
        let worst = 0;
        data.forEach((value, i) => {
          worst = Math.max(
            worst,
            Math.abs(results[name]!.data[i]! - value) / Math.max(1, Math.abs(value)),
          );
        });
        expect(worst, `${name} on ${isa}, ${threads} threads`).toBeLessThanOrEqual(tolerance);
      }
      if (kernel !== '')
        expect(
          (await session.profile(1, { x } as never)).map((layer) => layer.kernel).join(' '),
        ).toContain(kernel);
      await session.release();
    }
  }
}

const n = new Numbers(31);

function graphOf(
  channels: number,
  height: number,
  width: number,
  build: (g: GraphBuilder, x: Float) => Value,
): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', height, width, channels]);
  return g.graph([x], { y: build(g, x) });
}

describe('pooling of bits', () => {
  test.each([
    { kernel: [3, 2], dilations: [2, 3], pads: [0, 1, 2, 0], strides: [1, 1] },
    { kernel: [2, 3], dilations: [3, 2], pads: [3, 0, 1, 2], strides: [2, 1] },
    { kernel: [3, 3], dilations: [2, 2], pads: [1, 2, 3, 4], strides: [3, 2] },
    { kernel: [2, 2], dilations: [4, 1], pads: [0, 0, 4, 1], strides: [1, 3] },
    { kernel: [1, 4], dilations: [1, 2], pads: [0, 5, 0, 1], strides: [2, 2] },
    { kernel: [5, 1], dilations: [2, 1], pads: [7, 0, 3, 0], strides: [1, 2] },
  ] as const)('dilated, under odd borders: %o', async (pool) => {
    const { kernel, ...attrs } = pool;
    for (const channels of [1, 3, 63, 64, 65, 130]) {
      const graph = graphOf(channels, 9, 10, (g, x) =>
        g.cast(g.maxPool2d(g.sign(x), kernel, attrs), 'f32'),
      );
      await expectFormulas(graph, n.floats([2, 9, 10, channels]), { kernel: 'bpool' });
    }
  });
});

describe('a border on one side only', () => {
  const sides = [
    ['top', [2, 0, 0, 0]],
    ['left', [0, 2, 0, 0]],
    ['bottom', [0, 0, 2, 0]],
    ['right', [0, 0, 0, 2]],
    ['bottom and right', [0, 0, 1, 2]],
  ] as const;

  test.each(sides)('%s: binary convolution, padded with 0, +1 and -1', async (_, pads) => {
    for (const channels of [3, 64, 70]) {
      const w = n.bits([9, 3, 3, channels]);
      for (const padValue of [0, 1, -1] as const) {
        for (const strides of [
          [1, 1],
          [2, 2],
        ] as const) {
          const graph = graphOf(channels, 6, 7, (g, x) =>
            g.conv2d(g.sign(x), g.constant(w), { pads, padValue, strides }),
          );
          await expectFormulas(graph, n.floats([2, 6, 7, channels]));
        }
      }
    }
  });

  test.each(sides)('%s: binary convolution, dilated and grouped', async (_, pads) => {
    const w = n.bits([8, 3, 2, 32]);
    const graph = graphOf(64, 8, 7, (g, x) =>
      g.conv2d(g.sign(x), g.constant(w), { pads, groups: 2, dilations: [2, 3] }),
    );
    await expectFormulas(graph, n.floats([1, 8, 7, 64]));
  });

  test.each(sides)('%s: float convolution, dense and depthwise', async (_, pads) => {
    for (const groups of [1, 6]) {
      const w = n.integers([6, 3, 3, 6 / groups]);
      const graph = graphOf(6, 6, 7, (g, x) =>
        g.conv2d(x, g.constant(w), { pads, groups, strides: [2, 1] }),
      );
      await expectFormulas(graph, n.integers([2, 6, 7, 6]));
    }
  });

  test.each(sides)(
    '%s: maximum and average, counting the border or not, and hanging over',
    async (_, pads) => {
      for (const channels of [1, 5, 16, 33]) {
        const x = n.integers([2, 7, 6, channels]);
        for (const ceil of [false, true]) {
          const pool = { pads, strides: [2, 2], ceil } as const;
          await expectFormulas(
            graphOf(channels, 7, 6, (g, v) => g.maxPool2d(v, [3, 3], pool)),
            x,
          );
          for (const countPad of [false, true])
            await expectFormulas(
              graphOf(channels, 7, 6, (g, v) => g.avgPool2d(v, [3, 3], { ...pool, countPad })),
              x,
              { tolerance: 1e-6 },
            );
        }
      }
    },
  );
});

describe('softmax', () => {
  const logits: [string, (i: number, count: number) => number][] = [
    ['from -100 to 100', (i, count) => (count === 1 ? 100 : -100 + (200 * i) / (count - 1))],
    ['all 100', () => 100],
    ['all -100', () => -100],
    ['one of 100 among -100', (i, count) => (i === count - 1 ? 100 : -100)],
    ['one of -100 among 100', (i) => (i === 0 ? -100 : 100)],
    ['of thousands', (i) => (i % 7) * 1000 - 3000],
    ['a maximum tied', (i) => (i < 2 ? 100 : 99)],
  ];
  test.each(logits)('of logits %s: powers of no more than 0', async (_, logit) => {
    for (const count of [1, 2, 7, 8, 15, 64, 65, 1000]) {
      const x = n.fill([3, count, 1, 1], () => 0);
      x.data.forEach((_value, i) => {
        x.data[i] = logit(i % count, count);
      });
      const g = new GraphBuilder();
      const input = g.input('x', 'f32', ['N', count, 1, 1]);
      const graph = g.graph([input], {
        y: g.softmax(input, { axis: 1 }),
        flat: g.softmax(g.reshape(input, ['N', count]), { axis: 1 }),
      });
      await expectFormulas(graph, x, { tolerance: 2e-6 });
      const { flat } = evaluateGraph(graph, { x }) as { flat: Tensor };
      for (let row = 0; row < 3; row++)
        expect(
          Math.abs(
            (flat.data as Float32Array)
              .subarray(row * count, (row + 1) * count)
              .reduce((a, b) => a + b, 0) - 1,
          ),
        ).toBeLessThan(1e-5);
    }
  });

  test('along every axis of a map', async () => {
    const x = n.fill([2, 3, 5, 4], () => n.int(-100, 100));
    for (const axis of [1, 2, 3])
      await expectFormulas(
        graphOf(4, 3, 5, (g, v) => g.softmax(v, { axis })),
        x,
        { tolerance: 2e-6 },
      );
  });
});

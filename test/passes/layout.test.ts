import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Folding } from '../../src/passes/folding.js';
import { canonicalize, optimize } from '../../src/passes/index.js';
import { layout } from '../../src/passes/layout.js';
import { permutedConstant } from '../../src/passes/sink.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { expectSame, inside, Numbers, nodesOf, opsOf, TO_NCHW, TO_NHWC } from './fixtures.js';

const n = new Numbers(11);

function count(graph: Graph, op: string): number {
  return opsOf(graph).filter((name) => name === op).length;
}

/** The graph of a network between an NCHW input and output, laid out. */
function laidOut(
  build: (g: GraphBuilder, x: Value<'f32'>) => Value<'f32'>,
  channels = 3,
  size = 6,
): { before: Graph; after: Graph; feeds: Record<string, Tensor> } {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', channels, size, size]);
  const before = g.graph([x], { y: build(g, x) });
  return {
    before,
    after: layout(canonicalize(before)),
    feeds: { x: n.integers([2, channels, size, size]) },
  };
}

const conv = (g: GraphBuilder, x: Value<'f32'>, from: number, to: number) =>
  inside(g, x, (map) =>
    g.conv2d(map, g.constant(n.integers([to, 3, 3, from], -2, 2)), { pads: [1, 1, 1, 1] }),
  );
const perChannel = (g: GraphBuilder, channels: number) =>
  g.constant(n.integers([1, channels, 1, 1]));

describe('a constant whose axes are permuted', () => {
  test.each([
    [[1, 5, 1, 1], TO_NCHW, [5]],
    [[5, 1, 1], TO_NCHW, [5]],
    [[6], TO_NCHW, [6, 1]],
    [[1], TO_NCHW, []],
    [[], TO_NCHW, []],
    [[1, 5, 3, 1], TO_NCHW, [3, 1, 5]],
    [[2, 1, 1, 1], TO_NCHW, [2, 1, 1, 1]],
    [
      [5, 3],
      [1, 0],
      [3, 5],
    ],
    [[3], [1, 0], [3, 1]],
    [
      [1, 1, 7],
      [2, 0, 1],
      [7, 1],
    ],
  ])('of shape %j by %j loses the leading axes of 1: %j', (shape, perm, wanted) => {
    const g = new GraphBuilder();
    const c = g.constant(n.integers(shape));
    const moved = permutedConstant(new Folding(g.graph([], { c })), c, perm.length, perm);
    expect(moved.shape).toEqual(wanted);
    // What broadcasts to t = transpose(x, perm), transposed back, broadcasts to x.
    const sizes = perm.map((_, axis) => shape[axis - (perm.length - shape.length)] ?? 1);
    const x = g.input(
      'x',
      'f32',
      sizes.map((_, axis) => sizes[perm.indexOf(axis)]!),
    );
    const [a, b] = [
      g.add(g.transpose(x, perm), c),
      g.transpose(g.add(x, moved as Value<'f32'>), perm),
    ];
    const before = g.graph([x], { y: a });
    expectSame(before, { inputs: [x], outputs: { y: b } }, { x: n.integers(x.shape as number[]) });
  });
});

describe('transposes of a network from NCHW remain at its ends only', () => {
  test('through activations, scales, shortcuts and pooling', () => {
    const { before, after, feeds } = laidOut((g, x) => {
      const a = g.relu(g.add(g.mul(conv(g, x, 3, 4), perChannel(g, 4)), perChannel(g, 4)));
      const b = g.prelu(conv(g, a, 4, 4), perChannel(g, 4));
      const sum = g.add(b, a);
      return inside(g, g.cast(g.sign(sum), 'f32'), (map) => g.maxPool2d(map, [2, 2]));
    });
    expect(count(after, 'transpose')).toBe(2);
    expectSame(before, after, feeds);
  });

  test('through concat, pad, slice and a reduction, whose axes follow', () => {
    const { before, after, feeds } = laidOut((g, x) => {
      const a = conv(g, x, 3, 4);
      const padded = g.pad(
        g.slice(a, [0, 1, 0, 0], ['N', 4, 6, 5], { steps: [1, 1, 2, 1] }),
        [0, 1, 2, 0, 0, 0, 1, 1],
        2,
      );
      const joined = g.concat([padded, padded], 1);
      return g.reduce(joined, 'max', [1, 3]);
    });
    expect(count(after, 'transpose')).toBe(1);
    expectSame(before, after, feeds);
  });

  test('through reductions of every set of axes, kept or not', () => {
    for (const keepDims of [true, false]) {
      for (const axes of [[1], [2], [3], [1, 2], [2, 3], [1, 3], [1, 2, 3]]) {
        const { before, after, feeds } = laidOut((g, x) =>
          g.reduce(conv(g, x, 3, 4), 'sum', axes, { keepDims }),
        );
        expectSame(before, after, feeds);
      }
    }
  });

  test('through softmax over the channels', () => {
    const { before, after, feeds } = laidOut((g, x) => g.softmax(conv(g, x, 3, 4), { axis: 1 }));
    expect(nodesOf(after).find((value) => value.op === 'softmax')!.attrs.axis).toBe(3);
    expectSame(before, after, feeds, 1e-6);
  });

  test.each([
    [0, 0],
    [1, 3],
    [2, 1],
    [3, 2],
  ])(
    'past softmax over axis %i of a map of NCHW: axis %i of NHWC, the same numbers',
    (axis, moved) => {
      const g = new GraphBuilder();
      const x = g.input('x', 'f32', ['N', 3, 4, 5]);
      const before = g.graph([x], { y: g.softmax(conv(g, x, 3, 2), { axis }) });
      // Not canonical: that would turn softmax over other axes into transposes before any sinks.
      const sunk = layout(before);
      expect(
        nodesOf(sunk)
          .filter((value) => value.op === 'softmax')
          .map((value) => value.attrs.axis),
      ).toEqual([moved]);
      expect(count(sunk, 'transpose')).toBe(2);
      const feeds = { x: n.integers([2, 3, 4, 5]) };
      expectSame(before, sunk, feeds, 1e-6);
      expectSame(before, optimize(before), feeds, 1e-6);
    },
  );

  test('through multiThreshold, which takes channels last', () => {
    const { before, after, feeds } = laidOut((g, x) => {
      const thresholds = g.constant(n.thresholds([4, 3], true));
      return conv(
        g,
        inside(g, conv(g, x, 3, 4), (map) => g.multiThreshold(map, thresholds)),
        4,
        2,
      );
    });
    expect(count(after, 'transpose')).toBe(2);
    expectSame(before, after, feeds);
  });

  test('but not through a multiThreshold whose channels would move', () => {
    const { before, after, feeds } = laidOut((g, x) =>
      g.multiThreshold(
        g.transpose(conv(g, x, 3, 6), [0, 2, 1, 3]),
        g.constant(n.thresholds([6, 2], true)),
      ),
    );
    expectSame(before, after, feeds);
  });

  test('through squeeze and excitation', () => {
    const { before, after, feeds } = laidOut((g, x) => {
      const a = conv(g, x, 3, 4);
      const squeezed = g.reduce(a, 'max', [2, 3], { keepDims: true });
      const excited = inside(g, squeezed, (map) =>
        g.conv2d(map, g.constant(n.integers([4, 1, 1, 4]))),
      );
      return g.reduce(g.mul(a, g.clip(excited, 0, 1)), 'max', [2, 3]);
    });
    expect(count(after, 'transpose')).toBe(1);
    expectSame(before, after, feeds);
  });

  test('an operand in another layout does not add transposes', () => {
    for (const build of [
      (g: GraphBuilder, x: Value<'f32'>) => g.relu(g.add(conv(g, x, 3, 3), x)),
      (g: GraphBuilder, x: Value<'f32'>) => g.relu(g.add(g.relu(x), conv(g, x, 3, 3))),
    ]) {
      const { before, after, feeds } = laidOut(build);
      expect(count(after, 'transpose')).toBeLessThanOrEqual(3);
      expectSame(before, after, feeds);
    }
  });
});

describe('the way into dense layers', () => {
  test('a flattened map feeds a convolution of the whole map, and nothing moves', () => {
    const { before, after, feeds } = laidOut((g, x) => {
      const a = g.relu(g.reshape(conv(g, x, 3, 4), ['N', 4 * 6 * 6]));
      const b = g.add(g.mul(a, g.constant(n.integers([144]))), g.constant(n.integers([1, 144])));
      return g.add(g.dense(b, g.constant(n.integers([5, 144]))), g.constant(n.integers([5])));
    });
    expect(count(after, 'transpose')).toBe(1);
    expect(count(after, 'dense')).toBe(0);
    const last = nodesOf(after).filter((value) => value.op === 'conv2d')[1]!;
    expect(last.inputs[1]!.shape).toEqual([5, 6, 6, 4]);
    expectSame(before, after, feeds);
  });

  test('a map of one pixel is reshaped', () => {
    const { before, after, feeds } = laidOut((g, x) => {
      const pooled = g.reduce(conv(g, x, 3, 4), 'max', [2, 3], { keepDims: true });
      return g.dense(g.reshape(pooled, ['N', 4]), g.constant(n.integers([5, 4])));
    });
    expect(opsOf(after)).toEqual(['conv2d', 'dense', 'reduce', 'reshape', 'transpose']);
    expectSame(before, after, feeds);
  });

  test('an input of one channel needs no transpose', () => {
    const { before, after, feeds } = laidOut((g, x) => conv(g, x, 1, 1), 1);
    expect(count(after, 'transpose')).toBe(0);
    expectSame(before, after, feeds);
  });
});

describe('at an input', () => {
  test('element-wise ops come after the transpose, so that signs pack along the channels', () => {
    const { before, after, feeds } = laidOut((g, x) => {
      const bits = g.cast(g.sign(g.sub(g.mul(x, perChannel(g, 3)), 1)), 'f32');
      return conv(g, bits, 3, 4);
    });
    const transposes = nodesOf(after).filter((value) => value.op === 'transpose');
    expect(transposes.map((value) => value.dtype)).toEqual(['f32', 'f32']);
    expect(transposes[0]!.inputs[0]!.op).toBe('input');
    expectSame(before, after, feeds);
  });

  test('element-wise ops keep their values where NCHW readers need them too', () => {
    const { before, after, feeds } = laidOut((g, x) => {
      const a = g.relu(x);
      return g.concat(
        [conv(g, a, 3, 3), g.reshape(g.reduce(a, 'max', [0]), [1, 3, 6, 6]), a].slice(0, 1),
        1,
      );
    });
    expectSame(before, after, feeds);
  });
});

test('property: random networks keep every bit', () => {
  for (let seed = 0; seed < 60; seed++) {
    const r = new Numbers(1000 + seed);
    const { before, after, feeds } = laidOut((g, x) => {
      const values: Value<'f32'>[] = [conv(g, x, 3, 3)];
      for (let i = 0; i < 7; i++) {
        const [a, b] = [r.pick(...values), r.pick(...values)];
        const made = r.pick(
          () => g.relu(a),
          () => g.add(a, b),
          () => g.max(a, x),
          () => g.mul(perChannel(g, 3), a),
          () => g.sub(a, g.reduce(b, 'max', [r.int(1, 3)], { keepDims: true })),
          () => conv(g, a, 3, 3),
          () => g.pad(g.slice(a, [0, 0, 1, 0], ['N', 3, 6, 5]), [0, 0, 0, 1, 0, 0, 1, 0], 1),
          () => g.slice(g.concat([a, b], 1), [0, 2, 0, 0], ['N', 5, 6, 6]),
          () => g.cast(g.sign(a), 'f32'),
          () => g.transpose(g.transpose(a, TO_NHWC), TO_NCHW),
          () => g.add(a, g.reduce(b, 'max', [0, 1])),
        )();
        values.push(made.shape.length === 4 && made.shape[1] === 3 ? made : a);
      }
      return g.clip(g.concat(values.slice(-3), 1), -1e6, 1e6);
    });
    expectSame(before, after, feeds);
  }
});

/**
 * Affines that follow one another: which are merged, which stay, and that the values agree. Where
 * constants are small whole numbers and powers of two, nothing rounds and the bits agree.
 */
import { describe, expect, test } from 'vitest';
import type { Input, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { mergeAffines, optimize } from '../../src/passes/index.js';
import { fuse } from '../../src/schedule/fuse.js';
import { expectSame, inside, Numbers, opsOf } from '../passes/fixtures.js';

const C = 32;

class Net {
  readonly n: Numbers;
  readonly g = new GraphBuilder();
  readonly x: Input<'x', 'f32', readonly number[]>;

  constructor(
    seed: number,
    /** Means over a power of two of pixels round nothing. */
    readonly size: readonly number[] = [2, 4, 4, C],
  ) {
    this.n = new Numbers(seed);
    this.x = this.g.input('x', 'f32', size);
  }

  shift(c = C) {
    return this.g.constant(this.n.integers([c]));
  }

  scale(c = C) {
    return this.g.constant(this.n.fill([c], () => this.n.pick(0.5, 1, 2, 4)));
  }

  batchNorm(x: Value<'f32'>, c = C) {
    const one = this.g.constant(this.n.fill([c], () => 1));
    const variance = this.g.constant(this.n.fill([c], () => this.n.pick(0.25, 1, 4)));
    return this.g.batchNorm(x, this.scale(c), this.shift(c), one, variance, { epsilon: 0 });
  }

  /** The graph before and after, which give the same bits. */
  merged(outputs: Record<string, Value>) {
    const graph = this.g.graph([this.x], outputs);
    const merged = mergeAffines(graph);
    expectSame(graph, merged, { x: this.n.integers(this.size as number[]) });
    return opsOf(merged);
  }
}

const count = (ops: readonly string[], name: string) => ops.filter((op) => op === name).length;

describe('becomes one multiplication and one addition', () => {
  test('any scales and shifts in a row', () => {
    const net = new Net(1);
    const { g } = net;
    const y = net.batchNorm(
      g.sub(g.mul(g.add(g.mul(net.scale(), net.x), net.shift()), 2), net.shift()),
    );
    expect(net.merged({ y: g.relu(y) })).toEqual(['add', 'mul', 'relu']);
  });

  test('shifts on both sides of a sum, and behind it', () => {
    const net = new Net(2);
    const { g } = net;
    const [a, b] = [net.batchNorm(net.x), g.add(g.abs(net.x), net.shift())];
    const ops = net.merged({ y: g.relu(g.add(g.add(a, b), net.shift())) });
    expect(ops).toEqual(['abs', 'add', 'add', 'mul', 'relu']);
  });

  test('a shift in front of pooling, a mean, a concatenation', () => {
    const net = new Net(3);
    const { g } = net;
    const y = g.add(g.abs(net.x), net.shift());
    const pooled = g.add(g.avgPool2d(y, [2, 2]), g.maxPool2d(y, [2, 2]));
    const ops = net.merged({
      pooled: g.relu(g.add(pooled, net.shift())),
      mean: g.relu(g.add(g.reduce(y, 'mean', [1, 2]), net.shift())),
      both: g.relu(g.add(g.concat([y, g.abs(net.x)], 3), net.shift(2 * C))),
    });
    expect(count(ops, 'add')).toBe(4);
  });
});

test('channels that come first, as in ONNX, merge too; inputs and outputs keep order', () => {
  const n = new Numbers(8);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, C, 4, 4]);
  const shift = () => g.constant(n.integers([C, 1, 1]));
  const convolved = inside(g, x, (last) => g.conv2d(last, g.constant(n.integers([C, 1, 1, C]))));
  const graph = g.graph([x], { y: g.relu(g.add(g.mul(g.add(convolved, shift()), 2), shift())) });
  const merged = mergeAffines(graph);
  expectSame(graph, merged, { x: n.integers([1, C, 4, 4]) });
  expect(opsOf(merged).filter((op) => op !== 'transpose')).toEqual([
    'add',
    'conv2d',
    'mul',
    'relu',
  ]);
});

test('a residual network with channels first merges across its sums', () => {
  const n = new Numbers(9);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', C, 4, 4]);
  const [one, four] = [g.constant(n.fill([C], () => 1)), g.constant(n.fill([C], () => 4))];
  const layer = (y: Value<'f32'>) =>
    inside(g, y, (last) =>
      g.batchNorm(
        g.conv2d(last, g.constant(n.integers([C, 1, 1, C], -1, 1))),
        one,
        g.constant(n.integers([C])),
        one,
        four,
        { epsilon: 0 },
      ),
    );
  const first = layer(x);
  const graph = g.graph([x], { y: g.relu(g.add(first, layer(g.relu(first)))) });
  const merged = mergeAffines(graph);
  expectSame(graph, merged, { x: n.integers([2, C, 4, 4]) });
  // Of two batch norms: two scales, the shift that the inner ReLU needs, one shift behind the sum.
  expect(opsOf(merged).filter((op) => op !== 'transpose')).toEqual([
    'add',
    'add',
    'add',
    'conv2d',
    'conv2d',
    'mul',
    'mul',
    'relu',
    'relu',
  ]);
});

describe('saves nothing, so no value changes: the graph comes back as it was', () => {
  const cases: Record<string, (net: Net) => Value<'f32'>> = {
    'a shift before a scale': ({ g, n, x }) =>
      g.mul(g.add(x, g.constant(n.floats([C]))), g.constant(n.floats([C]))),
    'a scale before a shift': ({ g, n, x }) =>
      g.add(g.mul(x, g.constant(n.floats([C]))), g.constant(n.floats([C]))),
    'a scale that a ReLU and a shift read': ({ g, n, x }) => {
      const scaled = g.mul(x, g.constant(n.floats([C])));
      return g.mul(g.relu(scaled), g.relu(g.add(scaled, g.constant(n.floats([C])))));
    },
    'a shift that a ReLU and a scale read': ({ g, n, x }) => {
      const shifted = g.sub(x, g.constant(n.floats([C])));
      return g.mul(g.relu(shifted), g.relu(g.mul(shifted, g.constant(n.floats([C])))));
    },
    'a sum of one shifted map': ({ g, n, x }) =>
      g.relu(g.add(g.add(g.abs(x), g.constant(n.floats([C]))), x)),
  };
  test.each(Object.entries(cases))('%s', (_, build) => {
    const net = new Net(10);
    const graph = net.g.graph([net.x], { y: build(net) });
    expect(mergeAffines(graph)).toBe(graph);
  });

  test('beside what does save something', () => {
    const net = new Net(11);
    const { g, n } = net;
    const alone = g.relu(g.mul(g.add(net.x, g.constant(n.floats([C]))), g.constant(n.floats([C]))));
    const graph = g.graph([net.x], {
      alone,
      merged: g.relu(g.add(g.add(g.abs(net.x), net.shift()), net.shift())),
    });
    const merged = mergeAffines(graph);
    expect(opsOf(merged)).toEqual(['abs', 'add', 'add', 'mul', 'relu', 'relu']);
    expectSame(graph, merged, { x: n.integers([...net.size]) });
  });
});

describe('stays where it is', () => {
  test('an addition that other ops read, once for all of them', () => {
    const net = new Net(4);
    const { g } = net;
    const y = g.add(g.abs(net.x), net.shift());
    expect(net.merged({ a: g.relu(y), b: g.neg(y), y })).toEqual(['abs', 'add', 'neg', 'relu']);
  });

  test('a shift before counted padding, before sums over pixels, before joined rows', () => {
    const net = new Net(5);
    const { g } = net;
    const y = g.add(g.abs(net.x), net.shift());
    const rows = g.constant(net.n.integers([4, 1, 1]));
    const results = {
      pool: g.relu(
        g.add(g.avgPool2d(y, [2, 2], { pads: [1, 1, 1, 1], countPad: true }), net.shift()),
      ),
      sum: g.relu(g.add(g.reduce(y, 'sum', [1, 2]), net.shift())),
      over: g.relu(g.add(g.reduce(y, 'mean', [3]), 1)),
      rows: g.relu(g.add(g.concat([y, y], 1), net.shift())),
      other: g.relu(g.add(g.add(g.neg(net.x), rows), net.shift())),
    };
    // y once, one behind each of the four, two with the rows.
    expect(count(net.merged(results), 'add')).toBe(7);
  });

  test('a multiplication before a maximum, which a negative scale would reverse', () => {
    const net = new Net(6);
    const { g } = net;
    const y = g.mul(g.neg(net.x), g.constant(net.n.fill([C], () => -2)));
    expect(net.merged({ y: g.relu(g.mul(g.maxPool2d(y, [2, 2]), net.scale())) })).toEqual([
      'maxPool2d',
      'mul',
      'mul',
      'neg',
      'relu',
    ]);
  });
});

test(
  "ReActNet's block is one multiplication, the shortcut, one addition, PReLU and the " +
    "store; the sign's addition is its threshold",
  () => {
    const net = new Net(7);
    const { g, n } = net;
    const rprelu = (x: Value<'f32'>) =>
      g.add(g.prelu(g.add(x, net.shift()), g.constant(n.fill([C], () => 0.25))), net.shift());
    const half = (x: Value<'f32'>, kernel: number, pad: number) => {
      const bits = g.sign(g.add(x, net.shift()));
      const sums = g.cast(
        g.conv2d(bits, g.sign(g.constant(n.floats([C, kernel, kernel, C]))), {
          pads: [pad, pad, pad, pad],
        }),
        'f32',
      );
      return rprelu(g.add(net.batchNorm(g.mul(sums, net.scale())), x));
    };
    const y = half(half(net.x, 3, 1), 1, 0);
    const graph = g.graph([net.x], { y: g.reduce(y, 'mean', [1, 2]) });
    const merged = mergeAffines(graph);
    expectSame(graph, merged, { x: n.integers(net.size as number[]) }, 1e-5);
    const chains = fuse(bind(optimize(merged), {})).map(({ epilogue }) =>
      epilogue.map((link) => (link.kind === 'op' ? link.form.op : link.kind)).join(' '),
    );
    expect(chains).toContain('cast mul add add prelu store add store_bits');
  },
);

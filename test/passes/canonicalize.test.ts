import { describe, expect, test } from 'vitest';
import { topological, type Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { canonicalize, optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { expectSame, Numbers, nodesOf, opsOf } from './fixtures.js';

const f32 = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new Tensor('f32', Float32Array.from(values), shape);

describe('constant folding', () => {
  test('computes every op over constants, broadcasting included', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const a = g.constant(f32([1, 2], [2, 1]));
    const sum = g.add(g.mul(a, g.constant(f32([3, 4]))), 0.1);
    const graph = g.graph([x], { y: g.add(x, g.reduce(sum, 'sum', [0])) });
    const after = canonicalize(graph);
    expect(opsOf(after)).toEqual(['add']);
    expectSame(graph, after, { x: f32([-1, 5], [1, 2]) });
  });

  test('does not write out an expanded constant of any size', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1]);
    const big = g.expand(g.constant(f32([2])), [1 << 12, 1 << 12]);
    const graph = g.graph([x], { y: g.reduce(g.mul(big, x), 'max', [0, 1]) });
    expect(opsOf(canonicalize(graph))).toContain('expand');
  });

  test('keeps binary weights as bits in an optimized graph, as floats in a canonical one', () => {
    const n = new Numbers(1);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 4]);
    const w = g.transpose(g.cast(g.sign(g.constant(n.floats([4, 8]))), 'f32'), [1, 0]);
    const graph = g.graph([x], { y: g.dense(x, w) });
    const dtypes = (after: typeof graph) =>
      topological(after)
        .filter((value) => value.op === 'constant')
        .map((value) => value.dtype);
    expect(dtypes(canonicalize(graph) as typeof graph)).toEqual(['f32']);
    expect(dtypes(optimize(graph) as typeof graph)).toEqual(['b1']);
    for (const after of [canonicalize(graph), optimize(graph)])
      expectSame(graph, after, { x: n.integers([3, 4]) });
  });
});

describe('identities', () => {
  const cases: Record<string, (g: GraphBuilder, x: Value<'f32'>) => Value<'f32'>> = {
    'x * 1': (g, x) => g.mul(x, 1),
    '1 * x': (g, x) => g.mul(1, x),
    'x / 1': (g, x) => g.div(x, 1),
    'x - 0': (g, x) => g.sub(x, 0),
    'x + -0': (g, x) => g.add(x, -0),
    '-0 + x': (g, x) => g.add(-0, x),
    'x ^ 1': (g, x) => g.pow(x, 1),
    'clip without bounds': (g, x) => g.clip(x, -Infinity, Infinity),
    'reshape to its shape': (g, x) => g.reshape(x, ['N', -1]),
    'transpose and back': (g, x) => g.transpose(g.transpose(x, [1, 0]), [1, 0]),
    'a slice of everything': (g, x) => g.slice(x, [0, 0], ['N', 4]),
    'no border': (g, x) => g.pad(x, [0, 0, 0, 0], 3),
    'concat of one': (g, x) => g.concat([x], 1),
    'cast to what it is': (g, x) => g.cast(x, 'f32'),
  };
  for (const [name, build] of Object.entries(cases)) {
    test(`${name} is x`, () => {
      const g = new GraphBuilder();
      const x = g.input('x', 'f32', ['N', 4]);
      const graph = g.graph([x], { y: g.relu(build(g, x)) });
      const after = canonicalize(graph);
      expect(opsOf(after)).toEqual(['relu']);
      expectSame(graph, after, { x: f32([0, -0, Number.NaN, -1], [1, 4]) });
    });
  }

  test('x + 0 stays: it turns -0 into 0', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2]);
    const graph = g.graph([x], { y: g.add(x, 0), z: g.add(0, x) });
    expect(opsOf(canonicalize(graph))).toEqual(['add', 'add']);
  });

  test('x * 1 stays where it broadcasts', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 2]);
    const graph = g.graph([x], { y: g.mul(x, g.constant(f32([1, 1, 1], [3, 1]))) });
    const after = canonicalize(graph);
    expect(opsOf(after)).toEqual(['mul']);
    expectSame(graph, after, { x: f32([3, 4], [1, 2]) });
  });

  test('products are not merged, as that would round once less', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [64]);
    const graph = g.graph([x], { y: g.mul(g.mul(x, 0.1), 0.3) });
    expect(opsOf(canonicalize(graph))).toEqual(['mul', 'mul']);
  });

  test('slices of slices and reshapes of reshapes are one', () => {
    const n = new Numbers(2);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 17, 3]);
    const a = g.slice(
      g.slice(x, [0, 1, 0], ['N', 16, 3], { steps: [1, 3, 1] }),
      [0, 1, 1],
      ['N', 5, 2],
      { steps: [1, 2, 1] },
    );
    const graph = g.graph([x], { y: g.reshape(g.reshape(a, ['N', 2, 1, 1]), ['N', 2]) });
    const after = canonicalize(graph);
    expect(opsOf(after)).toEqual(['reshape', 'slice']);
    expectSame(graph, after, { x: n.floats([2, 17, 3]) });
  });
});

describe('lowered ops', () => {
  test('batchNorm is one subtraction, one multiplication and one addition, to the bit', () => {
    const n = new Numbers(3);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 3, 5]);
    const c = (tensor: Tensor<'f32'>) => g.constant(tensor);
    const y = g.batchNorm(
      x,
      c(n.scales([5])),
      c(n.floats([5])),
      c(n.floats([5])),
      c(n.scales([5], 0)),
      { name: 'bn' },
    );
    const graph = g.graph([x], { y });
    const after = canonicalize(graph);
    expect(opsOf(after)).toEqual(['add', 'mul', 'sub']);
    expect(after.outputs.y!.name).toBe('bn');
    expectSame(graph, after, { x: n.floats([4, 3, 5]) });
  });

  test('batchNorm with computed statistics becomes arithmetic', () => {
    const n = new Numbers(4);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 5]);
    const s = (tensor: Tensor<'f32'>) => g.state(tensor);
    const y = g.batchNorm(
      x,
      s(n.scales([5])),
      s(n.floats([5])),
      s(n.floats([5])),
      s(n.scales([5], 0)),
    );
    const graph = g.graph([x], { y });
    const after = canonicalize(graph);
    expect(opsOf(after)).not.toContain('batchNorm');
    expectSame(graph, after, { x: n.floats([4, 5]) }, 1e-6);
  });

  test('matmul with a constant matrix is dense', () => {
    const n = new Numbers(5);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2, 6]);
    const graph = g.graph([x], { y: g.matmul(x, g.constant(n.floats([6, 4]))) });
    const after = canonicalize(graph);
    expect(opsOf(after)).toEqual(['dense']);
    expectSame(graph, after, { x: n.floats([2, 2, 6]) });
  });
});

describe('common subexpressions', () => {
  test('are computed once, equal constants being one', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 4]);
    const graph = g.graph([x], { y: g.add(g.clip(g.mul(x, 2), 0, 6), g.clip(g.mul(x, 2), 0, 6)) });
    const after = canonicalize(graph);
    expect(opsOf(after)).toEqual(['add', 'clip', 'mul']);
    expectSame(graph, after, { x: f32([0, 1, 2, 9], [1, 4]) });
  });

  test('tell infinities and the sign of zero apart', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 4]);
    const border = (value: number) => g.div(1, g.pad(x, [0, 0, 0, 1], value));
    const clips = { a: g.clip(x, Infinity, Infinity), b: g.clip(x, -Infinity, -Infinity) };
    const graph = g.graph([x], {
      ...clips,
      c: border(0),
      d: border(-0),
      e: g.div(1, g.mul(x, 0)),
      f: g.div(1, g.mul(x, -0)),
    });
    const after = canonicalize(graph);
    expectSame(graph, after, { x: f32([1, -1, 2, -9], [1, 4]) });
  });

  test('a state is never merged', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1]);
    const graph = g.graph([x], { y: g.add(g.add(x, g.state(f32([1]))), g.state(f32([1]))) });
    expect(topological(canonicalize(graph)).filter((value) => value.op === 'state')).toHaveLength(
      2,
    );
  });
});

test('an output that is an input, or is there twice, stays what it is', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [2]);
  const y = g.mul(x, 1);
  const graph = g.graph([x], { x, y, again: y });
  for (const after of [canonicalize(graph), optimize(graph)]) {
    expect(nodesOf(after)).toEqual([]);
    expectSame(graph, after, { x: f32([1, -0]) });
  }
});

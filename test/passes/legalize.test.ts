import { describe, expect, test } from 'vitest';
import { topological, type Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { canonicalize, optimize } from '../../src/passes/index.js';
import { expectSame, Numbers, nodesOf, opsOf } from './fixtures.js';

const n = new Numbers(51);

describe('bits are moved as floats where they share words with what does not move', () => {
  const moves: Record<string, (g: GraphBuilder, b: Value<'b1'>) => Value<'b1'>> = {
    transpose: (g, b) => g.transpose(b, [0, 2, 1]),
    slice: (g, b) => g.slice(b, [0, 1, 1], ['N', 4, 5]),
    concat: (g, b) => g.concat([b, b], 2),
    pad: (g, b) => g.pad(b, [0, 1, 1, 0, 0, 0], -1),
    'reshape that splits channels': (g, b) => g.reshape(b, ['N', 20]),
    expand: (g, b) => g.expand(g.slice(b, [0, 0, 0], ['N', 4, 1]), ['N', 4, 5]),
  };
  for (const [name, move] of Object.entries(moves)) {
    test(name, () => {
      const g = new GraphBuilder();
      const x = g.input('x', 'f32', ['N', 4, 5]);
      const before = g.graph([x], { y: move(g, g.sign(x)) });
      for (const after of [canonicalize(before), optimize(before)]) {
        for (const value of nodesOf(after)) {
          if (value.dtype === 'b1') expect(value.op).toBe('sign');
        }
        expectSame(before, after, { x: n.floats([2, 4, 5]) });
      }
    });
  }

  test('a reshape that keeps whole words stays as it is', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2, 64]);
    expect(opsOf(canonicalize(g.graph([x], { y: g.reshape(g.sign(x), ['N', 128]) })))).toEqual([
      'reshape',
      'sign',
    ]);
  });
});

test('softmax runs along the last axis', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 3, 4, 5]);
  const before = g.graph([x], { y: g.softmax(x, { axis: 1 }) });
  const after = canonicalize(before);
  expect(nodesOf(after).find((value) => value.op === 'softmax')!.attrs.axis).toBe(3);
  expectSame(before, after, { x: n.floats([2, 3, 4, 5]) });
});

test('reductions are over neighbouring axes, none of which is moved', () => {
  for (const kind of ['sum', 'product', 'max', 'min', 'mean'] as const)
    for (const keepDims of [true, false]) {
      const g = new GraphBuilder();
      const x = g.input('x', 'f32', ['N', 2, 4, 2, 2]);
      const before = g.graph([x], { y: g.reduce(x, kind, [4, 1, 2], { keepDims }) });
      const after = canonicalize(before);
      const reductions = nodesOf(after).filter(({ op }) => op === 'reduce');
      expect(reductions.map(({ attrs }) => attrs.axes).sort()).toEqual([[1, 2], [4]]);
      expect(opsOf(after)).not.toContain('transpose');
      expectSame(before, after, { x: n.integers([3, 2, 4, 2, 2]) });
    }
});

test('averages that count padding leave out positions beyond it', () => {
  for (const pads of [
    [0, 0, 0, 0],
    [1, 0, 1, 2],
    [0, 1, 2, 0],
  ] as const) {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 6, 7, 2]);
    const before = g.graph([x], {
      y: g.avgPool2d(x, [3, 3], { strides: [2, 3], pads, ceil: true, countPad: true }),
    });
    const after = canonicalize(before);
    expect(nodesOf(after).find((value) => value.op === 'avgPool2d')!.attrs).toMatchObject({
      countPad: false,
      pads: [0, 0, 0, 0],
    });
    expectSame(before, after, { x: n.integers([2, 6, 7, 2]) });
  }
});

test('no constant is left to compute: weights are tensors', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6]);
  const w = g.mul(g.cast(g.constant(n.bits([4, 6])), 'f32'), g.constant(n.scales([1, 6])));
  const before = g.graph([x], { y: g.add(g.dense(x, w), g.cast(g.constant(n.bits([4])), 'f32')) });
  for (const after of [canonicalize(before), optimize(before)]) {
    for (const value of topological(after)) {
      if (value.inputs.length > 0)
        expect(value.inputs.some((input) => input.op !== 'constant')).toBe(true);
    }
    expectSame(before, after, { x: n.integers([3, 6]) });
  }
});

test('a number beside a map is repeated for the channels, on either side', () => {
  for (const shape of [[], [1], [1, 1, 1]]) {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 3, 4, 5]);
    const number = g.input('number', 'f32', shape);
    const before = g.graph([x, number], { y: g.div(number, g.sub(x, number)) });
    const after = canonicalize(before);
    expect(opsOf(after).filter((op) => op === 'expand')).toHaveLength(1);
    const last = nodesOf(after).filter(({ op }) => op !== 'expand');
    for (const { inputs } of last)
      expect(inputs.map((input) => input.shape.at(-1))).toEqual([5, 5]);
    expectSame(before, after, { x: n.floats([2, 3, 4, 5]), number: n.floats(shape) });
  }
});

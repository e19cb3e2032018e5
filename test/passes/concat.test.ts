/**
 * Element-wise ops in front of a concatenation along the channels: each part takes the constants of
 * its own channels. Not here: writing in place (fuse.test.ts).
 */
import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { concatSplitter } from '../../src/passes/concat.js';
import { rewrite } from '../../src/passes/rewrite.js';
import { expectSame, Numbers, opsOf } from './fixtures.js';

const n = new Numbers(61);
type Float = Value<'f32'>;

/** What becomes of an op over the concatenation of three computed parts, of 2, 3 and 1 channels. */
function split(
  op: (g: GraphBuilder, joined: Float, x: Float) => Value,
  axis = 3,
): { before: Graph; after: Graph } {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 2, 4, 6]);
  const channels = (start: number, end: number) =>
    g.relu(g.slice(x, [0, 0, 0, start], ['N', 2, 4, end]));
  const parts =
    axis === 3 ? [channels(0, 2), channels(2, 5), channels(5, 6)] : [g.abs(x), g.neg(x)];
  const before = g.graph([x], { y: op(g, g.concat(parts, axis), x) });
  const after = rewrite(before, concatSplitter(before));
  expectSame(before, after, { x: n.integers([3, 2, 4, 6]) });
  return { before, after };
}

describe('moves in front', () => {
  test.each([[[6]], [[1, 6]], [[1, 1, 6]], [[1, 1, 1, 6]], [[1]], [[]], [[1, 1]]])(
    'with a constant of %j, on either side',
    (shape) => {
      const c = n.integers(shape);
      for (const op of [
        (g: GraphBuilder, y: Float) => g.sub(y, g.constant(c)),
        (g: GraphBuilder, y: Float) => g.sub(g.constant(c), y),
      ]) {
        const { after } = split(op);
        expect(opsOf(after)).toEqual([
          'concat',
          'relu',
          'relu',
          'relu',
          'slice',
          'slice',
          'slice',
          'sub',
          'sub',
          'sub',
        ]);
        expect(after.outputs.y!.op).toBe('concat');
      }
    },
  );
  test('with a constant a channel of an activation', () => {
    const slope = n.floats([6]);
    expect(
      opsOf(split((g, y) => g.prelu(y, g.constant(slope))).after).filter((op) => op === 'prelu'),
    ).toHaveLength(3);
  });
});

describe('stays behind', () => {
  test.each<[string, (g: GraphBuilder, joined: Float, x: Float) => Value, number?]>([
    ['a concatenation of rows', (g, y) => g.sub(y, g.constant(n.integers([6]))), 1],
    ['where a constant has other axes', (g, y) => g.sub(y, g.constant(n.integers([4, 1])))],
    ['where a constant has both', (g, y) => g.sub(y, g.constant(n.integers([4, 6])))],
    [
      'where a constant makes more axes',
      (g, y) => g.sub(y, g.constant(n.integers([1, 1, 1, 1, 6]))),
    ],
    ['where the other operand is computed', (g, y, x) => g.sub(y, x)],
    ['a sign whose parts do not fill words', (g, y) => g.sign(y)],
    ['what is no element-wise op', (g, y) => g.softmax(y, { axis: 3 })],
  ])('%s', (_, op, axis) => {
    const { before, after } = split(op, axis);
    expect(after).toBe(before);
  });
  test('where a part is an input, which is in memory anyway', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 4]);
    const graph = g.graph([x], { y: g.relu(g.concat([g.abs(x), x], 1)) });
    expect(rewrite(graph, concatSplitter(graph))).toBe(graph);
  });
});

test('signs of whole words move', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 64]);
  const before = g.graph([x], { y: g.sign(g.concat([g.abs(x), g.neg(x)], 1)) });
  const after = rewrite(before, concatSplitter(before));
  expect(opsOf(after)).toEqual(['abs', 'concat', 'neg', 'sign', 'sign']);
  expectSame(before, after, { x: n.integers([3, 64]) });
});

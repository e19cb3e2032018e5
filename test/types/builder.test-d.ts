/**
 * Code that must and must not compile when a graph is written by hand and fed. Each
 * @ts-expect-error fails the type check if its line compiles.
 */
import { describe, expectTypeOf, test } from 'vitest';
import type { Feeds, Results } from '../../src/graph/feeds.js';
import type { Graph, Input, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { type AnyTensor, Tensor, type TensorLike } from '../../src/tensor/tensor.js';

const g = new GraphBuilder();
const x = g.input('x', 'f32', ['N', 28, 28, 1]);
const mask = g.input('mask', 'b1', [1, 28, 28, 1]);
const weights = g.constant(new Tensor('f32', new Float32Array(9), [1, 3, 3, 1]));
const bits = g.constant(new Tensor('b1', new Uint8Array(2), [1, 3, 3, 1]));
const integers = g.constant(new Tensor('i32', new Int32Array(1), [1]));
const graph = g.graph([x, mask], { y: g.relu(x), signs: g.sign(x) });

describe('values', () => {
  test('inputs keep name, dtype and shape', () => {
    expectTypeOf(x).toEqualTypeOf<Input<'x', 'f32', readonly ['N', 28, 28, 1]>>();
    expectTypeOf(weights.dtype).toEqualTypeOf<'f32'>();
    expectTypeOf(graph.inputs).toEqualTypeOf<readonly [typeof x, typeof mask]>();
  });

  test('ops give the dtype of their rule', () => {
    expectTypeOf(g.sign(x)).toEqualTypeOf<Value<'b1'>>();
    expectTypeOf(g.conv2d(x, weights)).toEqualTypeOf<Value<'f32'>>();
    expectTypeOf(g.conv2d(x, bits)).toEqualTypeOf<Value<'f32'>>();
    expectTypeOf(g.conv2d(mask, bits, { padValue: 1 })).toEqualTypeOf<Value<'i32'>>();
    expectTypeOf(g.maxPool2d(mask, [2, 2])).toEqualTypeOf<Value<'b1'>>();
    expectTypeOf(g.cast(integers, 'f32')).toEqualTypeOf<Value<'f32'>>();
    expectTypeOf(g.cast(x, 'i32')).toEqualTypeOf<Value<'i32'>>();
    expectTypeOf(g.reshape(mask, [-1])).toEqualTypeOf<Value<'b1'>>();
    expectTypeOf(g.add(x, 1)).toEqualTypeOf<Value<'f32'>>();
  });

  test('a wrong dtype does not compile', () => {
    // @ts-expect-error: the sign of bits
    () => g.sign(mask);
    // @ts-expect-error: a threshold compares integers
    () => g.threshold(x, integers, integers);
    // @ts-expect-error: bits with real weights
    () => g.conv2d(mask, weights);
    // @ts-expect-error: only bits may be padded with other than 0
    () => g.conv2d(x, weights, { padValue: 1 });
    // @ts-expect-error: bits with real weights
    () => g.dense(mask, weights);
    // @ts-expect-error: there is no implicit conversion
    () => g.add(x, integers);
    // @ts-expect-error: the mean of signs
    () => g.avgPool2d(mask, [2, 2]);
    // @ts-expect-error: no cast to bits, that is sign
    () => g.cast(x, 'b1');
    // @ts-expect-error: integers come from f32
    () => g.cast(mask, 'i32');
    // @ts-expect-error: no such dtype
    () => g.input('z', 'f64', [1]);
    // @ts-expect-error: the array of another dtype
    () => new Tensor('f32', new Int32Array(1), [1]);
    // @ts-expect-error: a value of unknown dtype must be narrowed
    () => g.relu(x as Value);
    // @ts-expect-error: outputs are values
    () => g.graph([x], { y: 1 });
    // @ts-expect-error: only inputs are inputs
    () => g.graph([weights], { y: g.relu(x) });
  });
});

describe('feeds and results', () => {
  type F = Feeds<typeof graph>;
  const floats = new Float32Array(784);
  const maskTensor = new Tensor('b1', new Uint8Array(98), [1, 28, 28, 1]);

  test('have the names and dtypes of the graph', () => {
    expectTypeOf<F>().toEqualTypeOf<{
      readonly x: TensorLike<'f32'> | Float32Array;
      readonly mask: TensorLike<'b1'>;
    }>();
    expectTypeOf<Results<typeof graph>>().toEqualTypeOf<{
      readonly y: Tensor<'f32'>;
      readonly signs: Tensor<'b1'>;
    }>();
    expectTypeOf({ x: floats, mask: maskTensor }).toExtend<F>();
  });

  test('a wrong name or dtype does not compile', () => {
    const feed = (feeds: F) => feeds;
    // @ts-expect-error: a name the graph does not have
    () => feed({ x: floats, mask: maskTensor, z: floats });
    // @ts-expect-error: a feed is missing
    () => feed({ x: floats });
    // @ts-expect-error: a misspelt name
    () => feed({ X: floats, mask: maskTensor });
    // @ts-expect-error: another dtype
    () => feed({ x: new Int32Array(784), mask: maskTensor });
    // @ts-expect-error: a tensor of another dtype
    () => feed({ x: maskTensor, mask: maskTensor });
    // @ts-expect-error: bits have no typed array of their own
    () => feed({ x: floats, mask: new Uint8Array(98) });
    // @ts-expect-error: an output the graph does not have
    (results: Results<typeof graph>) => results.z;
  });

  test('of a graph from a file are open', () => {
    expectTypeOf<{ image: Float32Array; other: Tensor<'b1'> }>().toExtend<Feeds<Graph>>();
    expectTypeOf<Results<Graph>>().toEqualTypeOf<{ readonly [name: string]: AnyTensor }>();
    expectTypeOf<Feeds>().not.toBeAny();
  });
});

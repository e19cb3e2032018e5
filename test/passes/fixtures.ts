/**
 * Helpers of the tests of passes: seeded numbers, tensors of them, and the comparison of a graph
 * with the result of a pass. Not a test.
 */
import { expect } from 'vitest';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import type { GraphBuilder } from '../../src/ops/builder.js';
import { verify } from '../../src/ops/verify.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { random } from '../random.js';
import { evaluateGraph } from './evaluate.js';

export class Numbers {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = random(seed);
  }

  /** A whole number in [from, to]. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  pick<T>(...items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T;
  }

  /** f32 in [-1, 1), 0 and -0 among them. */
  floats(shape: readonly number[]): Tensor<'f32'> {
    return this.fill(shape, () => (this.int(0, 15) === 0 ? this.pick(0, -0) : this.next() * 2 - 1));
  }

  /** Whole f32 numbers, so that float sums are exact in every order. */
  integers(shape: readonly number[], from = -4, to = 4): Tensor<'f32'> {
    return this.fill(shape, () => this.int(from, to));
  }

  /** Thresholds, whole or real numbers, in order within each row. */
  thresholds([rows, count]: readonly [number, number], whole = false): Tensor<'f32'> {
    const { data } = whole ? this.integers([rows, count]) : this.floats([rows, count]);
    for (let row = 0; row < rows; row++) data.subarray(row * count, (row + 1) * count).sort();
    return new Tensor('f32', data, [rows, count]);
  }

  /** f32 in [0.5, 2) with the given share of negative ones. */
  scales(shape: readonly number[], negative = 0.4): Tensor<'f32'> {
    return this.fill(shape, () => (0.5 + 1.5 * this.next()) * (this.next() < negative ? -1 : 1));
  }

  bits(shape: readonly number[]): Tensor<'b1'> {
    return tensorOf('b1', this.fill(shape, () => this.next() - 0.5).data, shape);
  }

  fill(shape: readonly number[], item: () => number): Tensor<'f32'> {
    const count = shape.reduce((product, dim) => product * dim, 1);
    return new Tensor('f32', Float32Array.from({ length: count }, item), shape);
  }
}

export const TO_NHWC = [0, 2, 3, 1];
export const TO_NCHW = [0, 3, 1, 2];

/** An op on NHWC within a graph of NCHW values, as importers write it. */
export function inside(
  g: GraphBuilder,
  x: Value<'f32'>,
  op: (x: Value<'f32'>) => Value<'f32'>,
): Value<'f32'> {
  return g.transpose(op(g.transpose(x, TO_NHWC)), TO_NCHW);
}

/** The ops that a graph runs, sorted; leaves are left out. */
export function opsOf(graph: Graph): string[] {
  return nodesOf(graph)
    .map((value) => value.op)
    .sort();
}

export function nodesOf(graph: Graph): Value[] {
  return topological(graph).filter((value) => value.inputs.length > 0);
}

/**
 * Both graphs give the same bits (NaN and the sign of zero included), or numbers within a relative
 * tolerance where one is stated.
 */
export function expectSame(
  before: Graph,
  after: Graph,
  feeds: Readonly<Record<string, Tensor>>,
  tolerance = 0,
): void {
  verify(after);
  expect(after.inputs).toEqual(before.inputs);
  const [want, got] = [evaluateGraph(before, feeds), evaluateGraph(after, feeds)];
  expect(Object.keys(got)).toEqual(Object.keys(want));
  for (const [name, tensor] of Object.entries(want)) {
    const other = got[name] as Tensor;
    expect([other.dtype, other.shape]).toEqual([tensor.dtype, tensor.shape]);
    if (tolerance === 0) {
      expect(other.data).toEqual(tensor.data);
      continue;
    }
    tensor.data.forEach((value, i) => {
      expect(Math.abs((other.data[i] as number) - value)).toBeLessThanOrEqual(
        tolerance * Math.max(1, Math.abs(value)),
      );
    });
  }
}

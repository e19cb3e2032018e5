/**
 * Products of matrices, both of which a run may compute, with any axes in front. Over a matrix
 * of weights it is the op matmul; b with axes of its own is a convolution whose groups are the
 * matrices; where a number of them is unknown, a sum of products. Not here: Gemm (./dense.ts).
 */
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { NodeContext } from '../context.js';

/** a [..., M, K] times b [..., K, N], as numpy has it; vectors are a row and a column. */
export function product(context: NodeContext, a: Value, b: Value, suffix = ''): Value {
  if (b.shape.length === 1) {
    const column = reshaped(context, b, [b.shape[0] as Dim, 1], `${suffix}/column`);
    const y = product(context, a, column, `${suffix}/product`);
    return reshaped(context, y, y.shape.slice(0, -1), suffix);
  }
  if (b.shape.length === 2) return context.make('matmul', [a, b], {}, suffix);
  if (a.shape.length === 1) {
    const row = reshaped(context, a, [1, a.shape[0] as Dim], `${suffix}/row`);
    const y = product(context, row, b, `${suffix}/product`);
    return reshaped(context, y, [...y.shape.slice(0, -2), y.shape.at(-1) as Dim], suffix);
  }
  const [m, k] = a.shape.slice(-2) as [Dim, Dim];
  const [depth, n] = b.shape.slice(-2) as [Dim, Dim];
  if (k !== depth)
    throw context.expected('ERR_SHAPE', `a second matrix of ${k} rows`, showShape(b.shape));
  const batch = commonBatch(context, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const sizes = { m, k, n, batch };
  return batch.every(isSize) && isSize(k) && isSize(n) && k > 0 && n > 0
    ? grouped(context, a, b, { ...sizes, k, n, batch: batch as number[] }, suffix)
    : summed(context, a, b, sizes, suffix);
}

interface Sizes<D> {
  readonly m: Dim;
  readonly k: D;
  readonly n: D;
  readonly batch: readonly D[];
}

/** y[1, M, 1, G N] of x [1, M, 1, G K] and weights [G N, 1, 1, K] in G groups. */
function grouped(
  context: NodeContext,
  a: Value,
  b: Value,
  { m, k, n, batch }: Sizes<number>,
  suffix: string,
): Value {
  const groups = batch.reduce((count, size) => count * size, 1);
  const at = (what: string) => `${suffix}/${what}`;
  const left = reshaped(
    context,
    spread(context, a, [...batch, m, k], at('a')),
    [groups, m, k],
    at('as'),
  );
  const right = reshaped(
    context,
    spread(context, b, [...batch, k, n], at('b')),
    [groups, k, n],
    at('bs'),
  );
  const rows = context.transpose(left, [1, 0, 2], at('rows'));
  const x = reshaped(context, rows, [1, m, 1, groups * k], at('map'));
  const columns = context.transpose(right, [0, 2, 1], at('columns'));
  const w = reshaped(context, columns, [groups * n, 1, 1, k], at('weights'));
  const attrs = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups, padValue: 0 };
  const y = context.make('conv2d', [x, w], attrs, at('products'));
  const split = reshaped(context, y, [m, groups, n], at('split'));
  const turned = context.transpose(split, [1, 0, 2], at('turned'));
  return reshaped(context, turned, [...batch, m, n], suffix);
}

/** The sum over k of a [..., M, 1, K] times b' [..., 1, N, K]. */
function summed(
  context: NodeContext,
  a: Value,
  b: Value,
  { m, k, n }: Sizes<Dim>,
  suffix: string,
): Value {
  const at = (what: string) => `${suffix}/${what}`;
  const rank = b.shape.length;
  const axes = b.shape.map((_, axis) => axis);
  const turn = [...axes.slice(0, -2), rank - 1, rank - 2];
  const columns = context.transpose(b, turn, at('columns'));
  const left = reshaped(context, a, [...a.shape.slice(0, -2), m, 1, k], at('rows'));
  const right = reshaped(context, columns, [...b.shape.slice(0, -2), 1, n, k], at('lines'));
  const products = context.make('mul', [left, right], {}, at('products'));
  const axis = products.shape.length - 1;
  return context.make('reduce', [products], { kind: 'sum', axes: [axis], keepDims: false }, suffix);
}

function commonBatch(context: NodeContext, a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [left, right] = [a[i - (rank - a.length)] ?? 1, b[i - (rank - b.length)] ?? 1];
    if (left !== right && left !== 1 && right !== 1)
      throw context.expected('ERR_SHAPE', `${showShape(a)} to broadcast to`, showShape(b));
    return left === 1 ? right : left;
  });
}

function spread(context: NodeContext, x: Value, shape: readonly Dim[], suffix: string): Value {
  const same = x.shape.length === shape.length && x.shape.every((size, i) => size === shape[i]);
  return same ? x : context.make('expand', [x], { shape }, `${suffix}_spread`);
}

function reshaped(context: NodeContext, x: Value, shape: readonly Dim[], suffix: string): Value {
  return context.make('reshape', [x], { shape }, suffix);
}

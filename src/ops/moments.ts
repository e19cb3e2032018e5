/**
 * moments: the mean and the biased variance of each channel of x [..., C] over all other axes, f32
 * [2, C]: row 0 the means, row 1 mean((x - mean)^2). Not here: what a batch norm does with them
 * (./normalize.ts), sums over other axes (./reduce.ts).
 */
import { elementCount, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireRankAtLeast } from './operands.js';

type NoAttrs = Readonly<Record<never, unknown>>;

/** The rows over which statistics of x [..., C] are taken. */
export function rowCount(x: Value): number {
  return elementCount(x.shape.slice(0, -1));
}

/** In double; the results are rounded once. */
export function momentsOf(x: ArrayLike<number>, channels: number): Float32Array {
  const rows = x.length / channels;
  const sums = (term: (value: number, c: number) => number) => {
    const totals = new Float64Array(channels);
    for (let i = 0; i < x.length; i++) totals[i % channels]! += term(x[i]!, i % channels);
    return totals.map((total) => total / rows);
  };
  const means = sums((value) => value);
  const variances = sums((value, c) => (value - means[c]!) ** 2);
  const result = new Float32Array(2 * channels);
  result.set(means);
  result.set(variances, channels);
  return result;
}

export const moments = {
  name: 'moments',
  operands: ['x'],
  attributes: {},
  infer(draft) {
    const x = operand(draft, 'x', 'f32');
    requireRankAtLeast(draft, 'x', x, 1);
    if (x.shape.slice(0, -1).includes(0))
      throw mismatch(draft, 'ERR_SHAPE', 'at least one row', showShape(x.shape));
    return { dtype: 'f32', shape: [2, x.shape.at(-1)!] };
  },
  method:
    (maker: NodeMaker<NoAttrs>) =>
    (x: Float, options?: Named): Float =>
      maker.node([x], {}, options) as Float,
  // Of the mean 1 / n, of the variance 2 (x - mean) / n: what the mean adds to itself cancels.
  gradient(node, upstream, e) {
    const [x] = node.inputs as readonly [Float];
    const rows = e.count(x, [...x.shape.keys()].slice(0, -1));
    const slope = e.div(e.mul(e.row(upstream, 1), 2), rows);
    const centred = e.sub(x, e.row(e.op('moments', [x]), 0));
    return [e.add(e.mul(centred, slope), e.div(e.row(upstream, 0), rows))];
  },
  evaluate: ([x], _, result) =>
    tensorOf(
      'f32',
      momentsOf(x!.data as Float32Array, result.shape[1] as number),
      result.shape as number[],
    ),
  transposed: ({ attrs }, perm) =>
    perm.at(-1) === perm.length - 1 ? { attrs, perm: [0, 1] } : undefined,
} satisfies OpDef<NoAttrs>;

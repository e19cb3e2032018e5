/**
 * dense: x [..., K] with w [O, K] -> [..., O], y[..., o] = sum over k of x[..., k] * w[o, k]. Where
 * x holds integers, w does too, the sum is exact, and both may be stored with zero points: the sum
 * is then of (x[..., k] - zeroPoint) * (w[o, k] - weightZeros[o]). Not here: bias (an add), weights
 * that are [K, N] (./matmul.ts).
 */

import type { ByteInteger } from '../core/dtype.js';
import type { Value } from '../graph/value.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { isZeroPoint, isZeroPoints } from './attributes.js';
import {
  macsPerRow,
  macWork,
  productDtype,
  productRange,
  type ZeroPointAttrs,
} from './multiply.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireNumber, requireRank, requireRankAtLeast } from './operands.js';

export interface DenseMethod {
  (x: Float, w: Value<'f32' | 'b1'>, options?: Named): Float;
  (x: Value<'b1'>, w: Value<'b1'>, options?: Named): Value<'i32'>;
  (
    x: Value<ByteInteger>,
    w: Value<ByteInteger | 'b1'>,
    options?: ZeroPointAttrs & Named,
  ): Value<'i32'>;
}

export const dense = {
  name: 'dense',
  operands: ['x', 'w'],
  attributes: { zeroPoint: isZeroPoint, weightZeros: isZeroPoints },
  infer(draft) {
    const dtype = productDtype(draft);
    const x = operand(draft, 'x');
    const w = operand(draft, 'w');
    requireRankAtLeast(draft, 'x', x, 1);
    requireRank(draft, 'w', w, 2);
    const outputs = requireNumber(draft, 'the number of outputs', w.shape[0]);
    const depth = requireNumber(draft, 'the last size of x', x.shape.at(-1));
    if (depth === 0) throw mismatch(draft, 'ERR_SHAPE', 'at least one element to multiply', 0);
    if (w.shape[1] !== depth)
      throw mismatch(draft, 'ERR_SHAPE', `w of shape [O, ${depth}]`, `[${w.shape.join(', ')}]`);
    return { dtype, shape: [...x.shape.slice(0, -1), outputs] };
  },
  method: (maker: NodeMaker<ZeroPointAttrs>) =>
    ((x: Value, w: Value, options?: ZeroPointAttrs & Named) =>
      maker.node([x, w], {}, options)) as DenseMethod,
  gradient({ inputs: [x, w] }, upstream, e) {
    return [e.op('matmul', [upstream, w!]), e.outerSum(upstream, x as Float)];
  },
  macs: macsPerRow,
  work: macWork,
  evaluate([x, w], { zeroPoint = 0, weightZeros = [0] }, result) {
    const [outputs, depth] = w!.shape as [number, number];
    const data = valuesOf(x!);
    const weights = valuesOf(w!);
    const rows = x!.shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
    const sums = new Float64Array(rows * outputs);
    for (let r = 0; r < rows; r++) {
      for (let o = 0; o < outputs; o++) {
        const zero = weightZeros[weightZeros.length === 1 ? 0 : o]!;
        let sum = 0;
        for (let k = 0; k < depth; k++)
          sum += (data[r * depth + k]! - zeroPoint) * (weights[o * depth + k]! - zero);
        sums[r * outputs + o] = sum;
      }
    }
    return tensorOf(result.dtype, sums, result.shape as number[]);
  },
  range: (node, rangeOf) => productRange(node, rangeOf),
  fewBitWeights: () => true,
  epilogue: () => true,
} satisfies OpDef<ZeroPointAttrs>;

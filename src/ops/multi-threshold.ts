/**
 * multiThreshold: bias + scale * #{t : x >= t}, the staircase quantizer of QONNX. x is f32 [...,
 * C], thresholds are f32 [C or 1, T]. NaN is below every threshold. Not here: the comparison that
 * ends in a bit (./threshold.ts).
 */
import { expected } from '../core/errors.js';
import { elementCount } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import { isReal } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireNumber, requireRank, requireRankAtLeast } from './operands.js';
import { levels } from './value-range.js';

export type MultiThresholdAttrs = { readonly scale: number; readonly bias: number };

type MultiThresholdOptions = Partial<MultiThresholdAttrs> & Named;

/**
 * The first constant threshold that is no number, or below the one before it in its channel, and
 * what was expected in its place. Undefined where all thresholds are in order.
 */
export function misplacedThreshold(
  thresholds: Value,
): { readonly wanted: string; readonly number: number } | undefined {
  // Whatever else is wrong with them, `infer` says.
  const { op, data, shape } = thresholds ?? {};
  if (op !== 'constant' || data?.dtype !== 'f32' || shape?.length !== 2) return undefined;
  const count = shape[1] as number;
  const numbers = data.data as Float32Array;
  for (const [i, number] of numbers.entries()) {
    const channel = Math.floor(i / count);
    if (Number.isNaN(number))
      return { wanted: `thresholds that are numbers in channel ${channel}`, number };
    const before = i % count === 0 ? -Infinity : (numbers[i - 1] as number);
    if (number < before)
      return { wanted: `thresholds in order, ${before} or more in channel ${channel}`, number };
  }
  return undefined;
}

export const multiThreshold = {
  name: 'multiThreshold',
  operands: ['x', 'thresholds'],
  attributes: { scale: isReal, bias: isReal },
  infer(draft) {
    const x = operand(draft, 'x', 'f32');
    const thresholds = operand(draft, 'thresholds', 'f32');
    requireRankAtLeast(draft, 'x', x, 1);
    requireRank(draft, 'thresholds', thresholds, 2);
    requireNumber(draft, 'the number of thresholds', thresholds.shape[1]);
    const rows = thresholds.shape[0]!;
    const channels = x.shape.at(-1)!;
    if (rows !== 1 && rows !== channels)
      throw mismatch(draft, 'ERR_SHAPE', `thresholds of 1 or ${channels} rows`, rows);
    return { dtype: 'f32', shape: x.shape };
  },
  method:
    (maker: NodeMaker<MultiThresholdAttrs>) =>
    (x: Float, thresholds: Float, options?: MultiThresholdOptions): Float => {
      const bad = misplacedThreshold(thresholds);
      if (bad !== undefined)
        throw expected('ERR_ARGUMENT', bad.wanted, bad.number, {
          op: 'multiThreshold',
          node: options?.name ?? thresholds.name,
        });
      return maker.node([x, thresholds], {}, options, { scale: 1, bias: 0 }) as Float;
    },
  work: (node) => elementCount(node.shape) * (1 + (node.inputs[1]!.shape[1] as number)),
  evaluate([x, thresholds], attrs, result) {
    const f = Math.fround;
    const [rows, count] = thresholds!.shape as [number, number];
    const channels = x!.shape.at(-1)!;
    const scale = f(attrs.scale);
    const bias = f(attrs.bias);
    const values = Float32Array.from(x!.data, (value, i) => {
      const row = rows === 1 ? 0 : i % channels;
      let reached = 0;
      for (let k = 0; k < count; k++) if (value >= thresholds!.data[row * count + k]!) reached++;
      return f(f(scale * reached) + bias);
    });
    return tensorOf('f32', values, result.shape as number[]);
  },
  range({ inputs: [, thresholds], attrs }) {
    const { scale, bias } = attrs as MultiThresholdAttrs;
    return levels(scale, bias, thresholds!.shape[1] as number);
  },
  transposed({ inputs: [, thresholds], attrs }, perm) {
    const keepsChannels = perm.at(-1) === perm.length - 1 || thresholds!.shape[0] === 1;
    return keepsChannels ? { attrs, perm } : undefined;
  },
  fixed: ['thresholds'],
  step: ({ scale, bias }) => ({ op: 'multithreshold', immediates: [scale, bias] }),
  noGradient: 'it is constant almost everywhere; surrogate() says what stands for its gradient',
} satisfies OpDef<MultiThresholdAttrs>;

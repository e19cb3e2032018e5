/**
 * Weights with a zero point in the form that integers multiply fast: codes without one, and what
 * the zero point adds to every weight of an output channel as a number of its own. Not here: which
 * methods take such weights.
 *
 *   w' = (q - zero[o]) scale[o] = q scale[o] + shift[o],   shift[o] = -zero[o] scale[o]
 */
import type { Value } from '../graph/value.js';
import { dequantizeNumbers, paramsOfRanges, quantizeNumbers } from '../quant/affine.js';
import { constantCodes } from '../quant/fake-quantize.js';
import { groupsOf } from '../quant/groups.js';
import type { PlannedLayer } from '../quant/network/plan.js';
import { leastError, minmaxRanges } from '../quant/weight-range.js';
import type { CodedWeights, WeightRange } from '../quant/weights.js';
import type { Tensor } from '../tensor/tensor.js';

/** Undefined for a layer whose weights are no asymmetric codes by channel or tensor. */
export function asymmetricWeights(
  { product, specs: { weights: spec } }: Pick<PlannedLayer, 'product' | 'specs'>,
  rangeFor: WeightRange,
): CodedWeights | undefined {
  if (spec?.scheme !== 'asymmetric' || typeof spec.granularity !== 'string') return undefined;
  const w = (product.inputs[1] as Value).data as Tensor<'f32'>;
  if (w.size === 0 || !w.data.every(Number.isFinite)) return undefined;
  const groups = groupsOf(spec.granularity, w.shape);
  const whole = minmaxRanges(w.data, groups);
  const ranges = rangeFor === 'mse' ? leastError(w.data, spec, groups, whole) : whole;
  const { scale, zero } = paramsOfRanges(spec, ranges);
  const codes = quantizeNumbers(w.data, spec, { scale, zero }, groups);
  const plain = { scale, zero: new Int32Array(groups.count) };
  const [channels] = w.shape as readonly [number, ...number[]];
  const each = w.size / channels;
  const shift = Float32Array.from({ length: channels }, (_, o) => {
    const group = groups.of(o * each);
    return -zero[group]! * scale[group]!;
  });
  const stored = dequantizeNumbers(codes, plain, groups);
  return {
    spec,
    codes,
    scale,
    values: stored.map((value, i) => Math.fround(value + shift[Math.floor(i / each)]!)),
    ...(shift.some((number) => number !== 0) && { shift }),
    emit: (g, name) => constantCodes(g, name, codes, w.shape, spec, plain, groups),
  };
}

/**
 * Weights by a QuantSpec: their codes, the numbers that the codes stand for, and the graph that
 * computes those numbers from stored codes. Not here: which layers get which spec
 * (./network), activations (./fake-quantize.ts).
 */
import { expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  type AffineParams,
  dequantizeNumbers,
  paramsOfRanges,
  quantizeNumbers,
  type Range,
} from './affine.js';
import { constantCodes } from './fake-quantize.js';
import { bipolarWeights } from './formats/bipolar.js';
import { outlierWeights } from './formats/outlier.js';
import { powerOfTwoWeights } from './formats/power-of-two.js';
import { groupsOf } from './groups.js';
import type { QuantSpec } from './spec.js';
import { leastError, minmaxRanges } from './weight-range.js';

/** How the range of weights that share a scale is chosen. */
export type WeightRange = 'minmax' | 'mse';

/** The weights of a layer as codes. */
export interface CodedWeights {
  /** How they became codes. */
  readonly spec: QuantSpec;
  /** One a weight, in the order of the weights; of `bipolar`, -1 and +1. */
  readonly codes: Int8Array | Uint8Array;
  /** One scale a group. */
  readonly scale: Float32Array;
  /** The numbers that stand for the weights, `shift` included: else the bits of `emit`. */
  readonly values: Float32Array;
  /** One number an output channel that is added to each of its weights; they are no codes then. */
  readonly shift?: Float32Array;
  /** What reports say in place of the spec, and the mean of the bits where channels differ. */
  readonly label?: string;
  /** Bits of a weight in the mean, where they differ. */
  readonly meanBits?: number;
  /** The weights without `shift` as a value that computes them from stored codes. */
  emit(g: GraphBuilder, name: string): Value<'f32'>;
}

/**
 * w is [O, ...]. `range` 'mse' clips each group where that brings the codes nearest to the numbers
 * in squares; `blockFloat`, whose scale is a power of two, and the schemes that are no affine go by
 * the largest weight.
 * @throws BitplaneError ERR_ARGUMENT for weights that are not finite
 */
export function quantizeWeights(
  w: Tensor<'f32'>,
  spec: QuantSpec,
  range: WeightRange = 'minmax',
): CodedWeights {
  const bad = w.data.find((value) => !Number.isFinite(value));
  if (bad !== undefined)
    throw expected('ERR_ARGUMENT', 'weights of finite numbers', bad, { op: 'quantize' });
  switch (spec.scheme) {
    case 'bipolar':
      return bipolarWeights(w, spec);
    case 'powerOfTwo':
      return powerOfTwoWeights(w, spec);
    case 'outlier':
      return outlierWeights(w, spec);
    default:
      return affineWeights(w, spec, range);
  }
}

function affineWeights(w: Tensor<'f32'>, spec: QuantSpec, range: WeightRange): CodedWeights {
  const groups = groupsOf(spec.granularity, w.shape);
  let ranges: readonly Range[] = minmaxRanges(w.data, groups);
  if (range === 'mse' && spec.scheme !== 'blockFloat')
    ranges = leastError(w.data, spec, groups, ranges);
  const params: AffineParams = paramsOfRanges(spec, ranges);
  const codes = quantizeNumbers(w.data, spec, params, groups);
  return {
    spec,
    codes,
    scale: params.scale,
    values: dequantizeNumbers(codes, params, groups),
    emit: (g, name) => constantCodes(g, name, codes, w.shape, spec, params, groups),
  };
}

/**
 * The quantizer of a layer's weights that a QuantSpec describes. Not here: weights of a finished
 * network, whose ranges can be searched (./weights.ts); signs whose scale stays apart
 * (./sign-weights.ts).
 */
import { expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import type { Tensor } from '../tensor/tensor.js';
import { quantizeNumbers } from './affine.js';
import { constantCodes, fakeQuantizeBy } from './fake-quantize.js';
import { groupsOf } from './groups.js';
import { parseQuantSpec, type QuantSpecLike, showQuantSpec } from './parse-spec.js';
import type { WeightQuantizer } from './quantizer.js';
import { codesOf, type QuantSpec } from './spec.js';
import { quantizeWeights } from './weights.js';

type Float = Value<'f32'>;
const f = Math.fround;

/**
 * Symmetric weights have the scale min(max |W| / hi, 2 mean |W| / sqrt(hi)) of their group, hi
 * being the greatest code: the second, with which Esser et al. begin to learn scales, is the
 * smaller one for few bits. All other schemes are as `quantizeWeights` has them. Esser et al.,
 * "Learned Step Size Quantization", ICLR 2020, arXiv 1902.08153.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function weights(like: QuantSpecLike): WeightQuantizer {
  const spec = parseQuantSpec(like);
  const learned = spec.scheme === 'symmetric' && spec.signed && isWhole(spec);
  const computed = learned || spec.scheme === 'bipolar';
  return Object.freeze({
    name: 'weights',
    precision: spec.bits,
    spec,
    formula:
      spec.scheme === 'bipolar'
        ? 'mean|W| * sign(W)'
        : `dequantize(quantize(W, ${showQuantSpec(spec)}))`,
    pseudoGradient: 'clip' as const,
    paper:
      spec.scheme === 'bipolar'
        ? 'Rastegari et al., ECCV 2016, arXiv 1603.05279'
        : 'Esser et al., ICLR 2020, arXiv 1902.08153',
    ...(!computed && { constantsOnly: true as const }),
    ...(computed && {
      trained: (g: GraphBuilder, name: string, w: Float) =>
        g.surrogate(emitComputed(g, `${name}.weights`, w, spec), w, { name }),
    }),
    quantize(g: GraphBuilder, name: string, w: Float) {
      const coded = `${name}.weights`;
      if (w.op === 'constant') {
        const tensor = w.data as Tensor<'f32'>;
        const bad = tensor.data.find((value) => !Number.isFinite(value));
        if (bad !== undefined)
          throw expected('ERR_ARGUMENT', 'weights of finite numbers', bad, {
            op: 'weights',
            node: name,
          });
        if (!learned) return { values: quantizeWeights(tensor, spec).emit(g, coded) };
        return { values: stepCodes(g, coded, tensor, spec) };
      }
      if (!computed)
        throw expected('ERR_UNSUPPORTED', `numbers for ${showQuantSpec(spec)}`, `the op ${w.op}`, {
          op: 'weights',
          node: name,
        });
      return { values: emitComputed(g, coded, w, spec) };
    },
  });
}

function isWhole({ granularity }: QuantSpec): boolean {
  return granularity === 'tensor' || granularity === 'channel';
}

/** The codes of numbers, by the same float32 steps as `emitComputed`. */
function stepCodes(g: GraphBuilder, name: string, w: Tensor<'f32'>, spec: QuantSpec): Float {
  const groups = groupsOf(spec.granularity, w.shape);
  const sums = new Float64Array(groups.count);
  const counts = new Float64Array(groups.count);
  const most = new Float32Array(groups.count);
  for (let i = 0; i < w.data.length; i++) {
    const group = groups.of(i);
    const magnitude = Math.abs(w.data[i] as number);
    sums[group]! += magnitude;
    counts[group]!++;
    if (magnitude > most[group]!) most[group] = magnitude;
  }
  const { hi } = codesOf(spec);
  const scale = most.map((peak, group) => {
    const step = f(f(sums[group]! / counts[group]!) * stepFactor(hi));
    const least = Math.min(f(peak / hi), step);
    return least === 0 ? 1 : least;
  });
  const params = { scale, zero: new Int32Array(groups.count) };
  const codes = quantizeNumbers(w.data, spec, params, groups);
  return constantCodes(g, name, codes, w.shape, spec, params, groups);
}

function stepFactor(hi: number): number {
  return f(2 / Math.sqrt(hi));
}

/** The same of a value that a graph computes. */
function emitComputed(g: GraphBuilder, name: string, w: Float, spec: QuantSpec): Float {
  const perChannel = spec.granularity === 'channel';
  const axes = w.shape.map((_, axis) => axis).slice(perChannel ? 1 : 0);
  const keep = { keepDims: perChannel };
  const magnitude = g.abs(w, { name: `${name}.magnitude` });
  const mean = g.reduce(magnitude, 'mean', axes, { ...keep, name: `${name}.mean` });
  if (spec.scheme === 'bipolar') {
    const bits = g.sign(w, { name: `${name}.bits` });
    return g.mul(g.cast(bits, 'f32', { name: `${name}.whole` }), mean, { name });
  }
  const { hi } = codesOf(spec);
  const peak = g.reduce(magnitude, 'max', axes, { ...keep, name: `${name}.most` });
  const scale = g.min(
    g.div(peak, hi, { name: `${name}.widest` }),
    g.mul(mean, stepFactor(hi), { name: `${name}.step` }),
    { name: `${name}.scale` },
  );
  return fakeQuantizeBy(g, name, w, spec, scale);
}

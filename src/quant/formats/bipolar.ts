/**
 * Weights of one bit: w < 0 ? -scale : +scale, the scale of a group being its mean magnitude, which
 * is the best in squares. Rastegari et al., "XNOR-Net", ECCV 2016, arXiv 1603.05279. Not here: the
 * quantizers of binary layers, which keep the scale apart from the product (../sign-weights.ts).
 */
import { Tensor } from '../../tensor/tensor.js';
import { tensorOf } from '../../tensor/values.js';
import { groupsOf } from '../groups.js';
import type { QuantSpec } from '../spec.js';
import type { CodedWeights } from '../weights.js';

export function bipolarWeights(w: Tensor<'f32'>, spec: QuantSpec): CodedWeights {
  const groups = groupsOf(spec.granularity, w.shape);
  const sums = new Float64Array(groups.count);
  const counts = new Float64Array(groups.count);
  for (let i = 0; i < w.data.length; i++) {
    sums[groups.of(i)]! += Math.abs(w.data[i] as number);
    counts[groups.of(i)]!++;
  }
  const scale = Float32Array.from(sums, (sum, group) => sum / Math.max(1, counts[group]!));
  const codes = Int8Array.from(w.data, (value) => (value < 0 ? -1 : 1));
  return {
    spec,
    codes,
    scale,
    values: Float32Array.from(codes, (code, i) => code * scale[groups.of(i)]!),
    emit(g, name) {
      const bits = g.constant(tensorOf('b1', codes, w.shape), { name: `${name}.codes` });
      const factor = g.constant(new Tensor('f32', scale, groups.shape), { name: `${name}.scale` });
      return g.mul(g.cast(bits, 'f32', { name: `${name}.whole` }), factor, { name });
    },
  };
}

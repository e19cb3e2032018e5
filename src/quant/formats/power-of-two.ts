/**
 * Logarithmic weights: 0 and +-scale * 2^k. Miyashita et al., "Convolutional Neural Networks using
 * Logarithmic Data Representation", 2016, arXiv 1603.01025, which rounds log2 |w|; here a weight
 * becomes the nearest level, the lower of two equally near, which errs less in squares.
 *
 * Code c of b bits has magnitude m = |c| <= M = 2^(b-1) - 1 and stands for
 *
 *   sign(c) * v(m) * scale,  v(0) = 0, v(m) = 2^(m-1),  scale = max |w| / 2^(M-1)
 *
 * v is computed from the codes by doubling what lies beyond a threshold: v := 2 v - clip(v, -t, t)
 * for t = 2, 4, ... 2^(M-2). Where m >= 2, the step t = 2^j leaves levels up to t as they are, and
 * the distances beyond t double, so after it the levels up to 2 t are in place. Whole numbers below
 * 2^24: exact. Not here: logarithmic activations.
 */
import { Tensor } from '../../tensor/tensor.js';
import { tensorOf } from '../../tensor/values.js';
import { groupsOf } from '../groups.js';
import { codesOf, type QuantSpec } from '../spec.js';
import { minmaxRanges } from '../weight-range.js';
import type { CodedWeights } from '../weights.js';

export function powerOfTwoWeights(w: Tensor<'f32'>, spec: QuantSpec): CodedWeights {
  const groups = groupsOf(spec.granularity, w.shape);
  const { hi, dtype } = codesOf(spec);
  const top = 2 ** (hi - 1);
  const scale = Float32Array.from(minmaxRanges(w.data, groups), (range) => {
    const most = Math.fround(Math.max(-range.lo, range.hi) / top);
    return most === 0 ? 1 : most;
  });
  const codes = Int8Array.from(w.data, (value, i) => {
    const magnitude = Math.abs(value) / scale[groups.of(i)]!;
    let code = 0;
    while (code < hi && magnitude > (level(code) + level(code + 1)) / 2) code++;
    return value < 0 ? -code : code;
  });
  return {
    spec,
    codes,
    scale,
    values: Float32Array.from(
      codes,
      (code, i) => Math.sign(code) * level(Math.abs(code)) * scale[groups.of(i)]!,
    ),
    emit(g, name) {
      const stored = g.constant(tensorOf(dtype, codes, w.shape), { name: `${name}.codes` });
      let v = g.cast(stored, 'f32', { name: `${name}.whole` });
      for (let t = 2; t < top; t *= 2) {
        const inner = g.clip(v, -t, t, { name: `${name}.inner${t}` });
        v = g.sub(g.mul(v, 2, { name: `${name}.twice${t}` }), inner, {
          name: `${name}.beyond${t}`,
        });
      }
      const factor = g.constant(new Tensor('f32', scale, groups.shape), { name: `${name}.scale` });
      return g.mul(v, factor, { name });
    },
  };
}

function level(magnitude: number): number {
  return magnitude === 0 ? 0 : 2 ** (magnitude - 1);
}

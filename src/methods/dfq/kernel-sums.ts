/**
 * Rounding that keeps what a kernel sums to. A map varies slowly, so the nine weights of a 3 x 3
 * kernel read nearly one number, and what counts is the error of their sum: rounding each to the
 * nearest code leaves a sum that is off by most of a step, and up to several. Of each kernel as
 * many weights as that takes, those nearest to the middle between two codes, are rounded the other
 * way; the sum is then within half a step. Not in DFQ's paper, whose correction of biases makes
 * good the mean of that error alone. Not here: quantizing (src/quant).
 */
import { type CodedWeights, quantizeWeights } from '../../quant/weights.js';
import { Tensor } from '../../tensor/tensor.js';

/**
 * The codes of weights [O, kh, kw, I] with scales a tensor or an output channel, moved by one where
 * that keeps sums. The greatest and the least of a scale stay, which tell it.
 */
export function keepKernelSums(w: Tensor<'f32'>, coded: CodedWeights): CodedWeights {
  const [outputs, ...rest] = w.shape as readonly number[];
  const inner = rest.at(-1) as number;
  const taps = rest.slice(0, -1).reduce((a, b) => a * b, 1);
  if (rest.length !== 3 || taps === 1 || coded.shift !== undefined) return coded;
  if (coded.spec.scheme !== 'symmetric' && coded.spec.scheme !== 'asymmetric') return coded;
  const each = taps * inner;
  const perChannel = coded.scale.length === outputs;
  if (!perChannel && coded.scale.length !== 1) return coded;
  const values = Float32Array.from(coded.values);
  const ends = extremes(coded.values, perChannel ? each : w.size);
  for (let o = 0; o < outputs!; o++) {
    const step = coded.scale[perChannel ? o : 0]!;
    for (let c = 0; c < inner; c++) {
      const at = Array.from({ length: taps }, (_, tap) => o * each + tap * inner + c);
      const errors = at.map((i) => (values[i]! - w.data[i]!) / step);
      const excess = Math.round(errors.reduce((a, b) => a + b, 0));
      const sign = Math.sign(excess);
      const order = at
        .map((i, tap) => [i, errors[tap]! * sign] as const)
        .filter(([i, error]) => error > 0 && !ends.has(i))
        .sort((a, b) => b[1] - a[1])
        .slice(0, Math.abs(excess));
      for (const [i] of order) values[i] = values[i]! - sign * step;
    }
  }
  return quantizeWeights(new Tensor('f32', values, w.shape), coded.spec, 'minmax');
}

/** Where the least and the greatest numbers of each run of `each` are. */
function extremes(values: Float32Array, each: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (let from = 0; from < values.length; from += each) {
    let [least, most] = [from, from];
    for (let i = from; i < from + each; i++) {
      if (values[i]! < values[least]!) least = i;
      if (values[i]! > values[most]!) most = i;
    }
    found.add(least).add(most);
  }
  return found;
}

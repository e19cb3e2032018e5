/**
 * Activation bias correction: clipping and rounding a map moves the mean of each of its channels,
 * so a layer W that reads it gives W (E[Q(x)] - E[x]) too much, which is taken from its bias. The
 * release's `bcorr_act` adds the means back to the map itself; in the bias they cost nothing. E
 * follows from batch norms. Not here: the correction of weights (./correct-weights.ts).
 */
import type { AffineParams } from '../../quant/affine.js';
import { halfEven } from '../../quant/rounding.js';
import { codesOf, type QuantSpec } from '../../quant/spec.js';
import type { ClippedNormals } from '../distributions.js';
import { inputChannels, type Layer } from '../layers.js';
import { overPlaces } from '../synthetic.js';

/** E[Q(x)] - E[x] of each channel. */
export function meanShifts(
  map: ClippedNormals,
  spec: QuantSpec,
  { scale, zero }: AffineParams,
): Float64Array {
  const { lo, hi } = codesOf(spec);
  const [step, offset] = [scale[0]!, zero[0]!];
  const shifts = new Float64Array(map.mean.length);
  overPlaces(map, 6, (values, share) => {
    for (const [c, x] of values.entries()) {
      const code = Math.max(lo, Math.min(hi, halfEven(x / step) + offset));
      shifts[c]! += share * ((code - offset) * step - x);
    }
  });
  return shifts;
}

/**
 * The bias of a layer that reads a map whose channels are moved by `shifts`.
 * @param values the numbers that stand for its weights
 */
export function biasWithout(
  layer: Layer,
  values: ArrayLike<number>,
  shifts: ArrayLike<number>,
): Float64Array {
  const bias = Float64Array.from(layer.bias);
  const reads = inputChannels(layer);
  const each = values.length / bias.length;
  for (let i = 0; i < values.length; i++)
    bias[Math.floor(i / each)]! -= values[i]! * shifts[reads[i]!]!;
  return bias;
}

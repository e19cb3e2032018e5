/**
 * The codes of a trained tensor in a network whose batch norms are in its weights: what shares one
 * scale before has one an output channel behind, so the codes stay.
 *
 *   w' = q s + m,  folded w' f[o] = q (s f[o]) + m f[o]
 *
 * Where f[o] is below 0 the codes are -q - 1, of as many bits, and the shift is s |f[o]| more.
 * Not here: the quantizer (./coder.ts), folding (src/passes).
 */
import type { Value } from '../../graph/value.js';
import { dequantizeNumbers } from '../../quant/affine.js';
import { constantCodes } from '../../quant/fake-quantize.js';
import { groupsOf } from '../../quant/groups.js';
import type { PlannedLayer } from '../../quant/network/plan.js';
import { quantSpec } from '../../quant/spec.js';
import type { CodedWeights } from '../../quant/weights.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type UniformForm, uniformQuantization } from './coder.js';

/**
 * @param trained the weights before batch norms were folded into `product`'s
 * @returns undefined for a layer whose weights stay float
 */
export function uniformWeights(
  { product, specs }: PlannedLayer,
  trained: Tensor<'f32'>,
  form: UniformForm,
  perChannel = false,
): CodedWeights | undefined {
  if (specs.weights === undefined) return undefined;
  const { bits } = specs.weights;
  const folded = (product.inputs[1] as Value).data as Tensor<'f32'>;
  const groups = groupsOf('channel', folded.shape);
  const factors = factorsOf(trained.data, folded.data as Float32Array, groups.count);
  const each = perChannel ? folded.size / Math.max(1, groups.count) : folded.size;
  const parts = Array.from({ length: folded.size / Math.max(1, each) }, (_, part) =>
    uniformQuantization(trained.data.subarray(part * each, (part + 1) * each), bits, form),
  );
  const partOf = (o: number) => parts[perChannel ? o : 0]!;
  // Signed codes: those of the asymmetric form less the half of them.
  const half = form === 'asymmetric' ? 2 ** (bits - 1) : 0;
  const codes = new Int8Array(folded.size);
  for (let i = 0; i < codes.length; i++) {
    const code = parts[Math.floor(i / each)]!.codes[i % each]! - half;
    codes[i] = factors[groups.of(i)]! < 0 ? -code - 1 : code;
  }
  const scale = Float32Array.from(factors, (factor, o) => partOf(o).scale * Math.abs(factor) || 1);
  const shift = Float32Array.from(factors, (factor, o) => {
    const { scale: step, offset } = partOf(o);
    return (offset + half * step) * factor + step * Math.max(0, -factor);
  });
  const params = { scale, zero: new Int32Array(groups.count) };
  const spec = quantSpec({ bits, granularity: 'channel' });
  const stored = dequantizeNumbers(codes, params, groups);
  return {
    spec,
    codes,
    scale,
    label: `${bits} bits of a ${perChannel ? 'channel' : 'tensor'}, ${form}`,
    meanBits: bits,
    values: stored.map((value, i) => Math.fround(value + shift[groups.of(i)]!)),
    ...(shift.some((number) => number !== 0) && { shift }),
    emit: (g, name) => constantCodes(g, name, codes, folded.shape, spec, params, groups),
  };
}

/** What each output channel was multiplied by, from its largest weight; 0 for one of zeros. */
function factorsOf(before: ArrayLike<number>, after: Float32Array, channels: number) {
  const each = after.length / Math.max(1, channels);
  return Float64Array.from({ length: channels }, (_, o) => {
    let most = o * each;
    for (let i = most; i < (o + 1) * each; i++)
      if (Math.abs(before[i]!) > Math.abs(before[most]!)) most = i;
    return before[most] === 0 ? 0 : after[most]! / before[most]!;
  });
}

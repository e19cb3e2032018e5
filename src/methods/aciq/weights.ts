/**
 * Weights as ACIQ quantizes them: each output channel over its least to its greatest weight, in
 * bits of its own at a given mean, mean and spread corrected. Codes are stored less their zero
 * point, as signed integers under a scale a channel. Banner et al., NeurIPS 2019, arXiv 1810.05723.
 * Not here: how bits are allocated (./allocate-bits.ts).
 */

import { dequantizeNumbers } from '../../quant/affine.js';
import { constantCodes } from '../../quant/fake-quantize.js';
import { groupsOf } from '../../quant/groups.js';
import { halfEven } from '../../quant/rounding.js';
import { quantSpec } from '../../quant/spec.js';
import type { CodedWeights } from '../../quant/weights.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type AllocateOptions, allocateBits } from './allocate-bits.js';
import { spreadOf } from './clip-range.js';
import { weightCorrection } from './correct-weights.js';

/** How ACIQ spends and corrects the bits of weights. */
export interface AciqWeightOptions {
  /** Bits by channel; false for the same in all. Default: for 4 bits and fewer, as released. */
  readonly allocate?: boolean | AllocateOptions | undefined;
  /** What is given back to the weights of a channel. Default 'mean'. */
  readonly correct?: 'mean' | 'variance' | 'none' | undefined;
}

/** Quantized weights of a layer, and what corrects their means. */
export interface AciqWeights extends CodedWeights {
  /** The bits of each output channel. */
  readonly channelBits: Uint8Array;
}

/**
 * Arguments are not checked.
 * @param w [O, ...]
 * @param bits of a channel, in the mean
 */
export function aciqWeights(
  w: Tensor<'f32'>,
  bits: number,
  { allocate = bits <= 4, correct = 'mean' }: AciqWeightOptions = {},
): AciqWeights {
  const groups = groupsOf('channel', w.shape);
  const channels = groups.count;
  const each = w.size / Math.max(1, channels);
  const spreads = Array.from({ length: channels }, (_, o) =>
    spreadOf(w.data.subarray(o * each, (o + 1) * each)),
  );
  const channelBits =
    allocate === false || each < 2
      ? new Uint8Array(channels).fill(bits)
      : allocateBits(
          spreads.map(({ std }) => std),
          bits,
          allocate === true ? {} : allocate,
        );
  const scale = new Float32Array(channels).fill(1);
  const codes = new Int8Array(w.size);
  for (const [o, { min, max }] of spreads.entries()) {
    const top = 2 ** channelBits[o]! - 1;
    // 0 has a code, and codes less the zero point fit 8 bits.
    const [lo, hi] = [Math.min(0, min), Math.max(0, max)];
    if (top === 0 || hi === lo) continue;
    const step = Math.fround(Math.max((hi - lo) / top, hi / 127, -lo / 128));
    scale[o] = step;
    const zero = halfEven(-lo / step);
    for (let i = o * each; i < (o + 1) * each; i++) {
      const code = halfEven(Math.fround(w.data[i]! / step)) + zero;
      codes[i] = Math.min(127, Math.min(top, Math.max(0, code)) - zero);
    }
  }
  const zero = new Int32Array(channels);
  const plain = dequantizeNumbers(codes, { scale, zero }, groups);
  const { factor, shift } = weightCorrection(w.data, plain, channels, {
    variance: correct === 'variance',
  });
  const corrected = correct === 'variance' ? scale.map((step, o) => step * factor[o]!) : scale;
  const params = { scale: corrected, zero };
  const shifts = correct === 'none' ? undefined : Float32Array.from(shift);
  const spec = quantSpec({ bits: bitsOf(codes), granularity: 'channel' });
  const stored = dequantizeNumbers(codes, params, groups);
  const mean = channelBits.reduce((sum, one) => sum + one, 0) / Math.max(1, channels);
  return {
    spec,
    codes,
    scale: corrected,
    channelBits,
    label: `${Math.round(100 * mean) / 100} bits a channel, stored in ${spec.bits}`,
    meanBits: mean,
    values:
      shifts === undefined
        ? stored
        : stored.map((value, i) => Math.fround(value + shifts[groups.of(i)]!)),
    ...(shifts !== undefined && { shift: shifts }),
    emit: (g, name) => constantCodes(g, name, codes, w.shape, spec, params, groups),
  };
}

/** Bits that signed codes need, two at least. */
function bitsOf(codes: Int8Array): number {
  const most = codes.reduce((size, code) => Math.max(size, code < 0 ? -code - 1 : code), 0);
  return Math.max(2, 1 + Math.ceil(Math.log2(most + 1)));
}

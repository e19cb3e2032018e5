/**
 * Outlier-aware weights: a few of 16 bits beside those of n, so that the few do not stretch the
 * scale of all others. After Park et al., "Energy-efficient Neural Network Accelerator Based on
 * Outlier-aware Low-precision Computation", ISCA 2018; there the outliers are the largest of a
 * whole layer, here the largest of each block of round(1 / fraction) neighbours in a filter, so
 * that a place takes one byte at most and no index is needed.
 *
 *   w = q * scale + (256 high + low) * scale16   in the place that the block names, q being 0 there
 *   w = q * scale                                elsewhere
 *
 * scale is that of the largest number which is no outlier, scale16 = max |w| / 32767, each over a
 * group. Stored: n bits a weight; for each block 16 bits and 8 for the place. Not here: outliers of
 * activations.
 */
import type { Value } from '../../graph/value.js';
import type { GraphBuilder } from '../../ops/builder.js';
import { Tensor } from '../../tensor/tensor.js';
import { dequantizeNumbers, paramsOfRanges, quantizeNumbers } from '../affine.js';
import { constantCodes, unpadded } from '../fake-quantize.js';
import { groupsOf } from '../groups.js';
import { halfEven } from '../rounding.js';
import type { QuantSpec } from '../spec.js';
import { minmaxRanges } from '../weight-range.js';
import type { CodedWeights } from '../weights.js';

const f = Math.fround;
const MOST_16 = 32767;
/** A place within a block is one byte. */
const MOST_BLOCK = 256;

interface Outliers {
  readonly block: number;
  /** The place of each block's outlier within the block. */
  readonly places: Uint8Array;
  readonly high: Int8Array;
  readonly low: Uint8Array;
}

export function outlierWeights(w: Tensor<'f32'>, spec: QuantSpec): CodedWeights {
  const rows = w.shape[0] ?? 1;
  const each = rows === 0 ? 0 : w.size / rows;
  const block = Math.min(Math.round(1 / (spec.fraction as number)), MOST_BLOCK, Math.max(1, each));
  const blocks = Math.ceil(each / block);
  const groups = groupsOf(spec.granularity, w.shape);
  const scale16 = Float32Array.from(minmaxRanges(w.data, groups), ({ lo, hi }) => {
    const most = f(Math.max(-lo, hi) / MOST_16);
    return most === 0 ? 1 : most;
  });

  const places = new Uint8Array(rows * blocks);
  const high = new Int8Array(rows * blocks);
  const low = new Uint8Array(rows * blocks);
  const common = Float32Array.from(w.data);
  for (let b = 0; b < places.length; b++) {
    const row = Math.floor(b / blocks);
    const first = row * each + (b % blocks) * block;
    const at = largest(w.data, first, Math.min(first + block, (row + 1) * each));
    const whole = halfEven(f((w.data[at] as number) / scale16[groups.of(at)]!));
    const clipped = Math.max(-MOST_16, Math.min(MOST_16, whole));
    places[b] = at - first;
    high[b] = Math.floor(clipped / 256);
    low[b] = clipped & 255;
    common[at] = 0;
  }

  const params = paramsOfRanges(spec, minmaxRanges(common, groups));
  const codes = quantizeNumbers(common, spec, params, groups);
  const values = dequantizeNumbers(codes, params, groups);
  for (let b = 0; b < places.length; b++) {
    const at = Math.floor(b / blocks) * each + (b % blocks) * block + places[b]!;
    values[at] = f(f(high[b]! * 256) + low[b]!) * scale16[groups.of(at)]!;
  }
  const outliers: Outliers = { block, places, high, low };
  return {
    spec,
    codes,
    scale: params.scale,
    values,
    emit(g, name) {
      const base = constantCodes(g, `${name}.common`, codes, w.shape, spec, params, groups);
      const factor = g.constant(new Tensor('f32', scale16, groups.shape), {
        name: `${name}.scale16`,
      }) as Value<'f32'>;
      const few = g.mul(emitOutliers(g, name, outliers, w.shape), factor, { name: `${name}.few` });
      return g.add(base, few, { name });
    },
  };
}

/** The index of the largest magnitude in [first, end), the first of equals. */
function largest(w: Float32Array, first: number, end: number): number {
  let at = first;
  for (let i = first + 1; i < end; i++)
    if (Math.abs(w[i] as number) > Math.abs(w[at] as number)) at = i;
  return at;
}

/** The 16-bit integers in their places, zeros elsewhere: integer * relu(1 - |place - i|). */
function emitOutliers(
  g: GraphBuilder,
  name: string,
  { block, places, high, low }: Outliers,
  shape: readonly number[],
): Value<'f32'> {
  const rows = shape[0] ?? 1;
  const blocks = places.length / rows;
  const part = (what: string, tensor: Tensor) =>
    g.cast(g.constant(tensor, { name: `${name}.${what}` }) as Value<'u8'>, 'f32', {
      name: `${name}.${what}.whole`,
    });
  const cut = [rows, blocks, 1];
  const integer = g.add(
    g.mul(part('high', new Tensor('i8', high, cut)), 256, { name: `${name}.shifted` }),
    part('low', new Tensor('u8', low, cut)),
    { name: `${name}.integer` },
  );
  const steps = g.constant(
    new Tensor(
      'f32',
      Float32Array.from({ length: block }, (_, i) => i),
      [block],
    ),
    { name: `${name}.steps` },
  ) as Value<'f32'>;
  const distance = g.abs(
    g.sub(part('places', new Tensor('u8', places, cut)), steps, { name: `${name}.offset` }),
    { name: `${name}.distance` },
  );
  const here = g.relu(g.sub(1, distance, { name: `${name}.near` }), { name: `${name}.here` });
  const spread = g.mul(integer, here, { name: `${name}.spread` });
  const flat = [rows, shape.slice(1).reduce((product, size) => product * size, 1)];
  const row = unpadded(g, `${name}.row`, spread, flat, blocks * block);
  return g.reshape(row, shape, { name: `${name}.placed` }) as Value<'f32'>;
}

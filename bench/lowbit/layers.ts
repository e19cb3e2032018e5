/**
 * Integer layers for the benchmark, with seeded random codes: weights of 1 to 8 bits, and the
 * requantization that brings sums back to activations of 1 to 8 bits. Not here: which layers are
 * measured.
 */
import { type GraphBuilder, Tensor, type Value } from 'bitplane';
import { drawn } from '../random.js';

/** Bits of the weights and of the activations: W2A4 is { weights: 2, activations: 4 }. */
export interface Pair {
  readonly weights: 1 | 2 | 4 | 8;
  readonly activations: 1 | 2 | 4 | 8;
}

export type Codes = 'u1' | 'u2' | 'u4' | 'u8';
type WeightCodes = 'b1' | 'i2' | 'i4' | 'i8';

export function pairTitle({ weights, activations }: Pair): string {
  return `W${weights}A${activations}`;
}

export function codesOf({ activations }: Pair): Codes {
  return `u${activations}`;
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Every code is as likely as any other; weights of one bit are signs. */
export function randomWeights(
  { weights }: Pair,
  shape: readonly number[],
  next: () => number,
): Tensor<WeightCodes> {
  const size = product(shape);
  if (weights === 1)
    return new Tensor(
      'b1',
      drawn(new Uint8Array(size / 8), () => next() * 256),
      [...shape],
    );
  const levels = 2 ** weights;
  const codes = drawn(new Int8Array(size), () => Math.floor(next() * levels) - levels / 2);
  return new Tensor(`i${weights}`, codes, [...shape]);
}

export function randomActivations(
  pair: Pair,
  shape: readonly number[],
  next: () => number,
): Tensor<Codes> {
  const levels = 2 ** pair.activations;
  const codes = drawn(new Uint8Array(product(shape)), () => Math.floor(next() * levels));
  return new Tensor(codesOf(pair), codes, [...shape]);
}

/**
 * round(sums * scale + bias), clipped to the codes: what stands between two quantized layers, the
 * ReLU included. The scale brings a sum of `terms` random products to about the range of the codes.
 */
export function requantize(
  g: GraphBuilder,
  pair: Pair,
  sums: Value<'i32'>,
  terms: number,
  next: () => number,
): Value<Codes> {
  const outputs = sums.shape.at(-1) as number;
  const channel = (make: () => number) =>
    g.constant(new Tensor('f32', drawn(new Float32Array(outputs), make), [outputs]));
  const most = 2 ** pair.activations - 1;
  const usual = Math.sqrt(terms) * 2 ** (pair.weights - 2);
  const scaled = g.mul(
    g.cast(sums, 'f32'),
    channel(() => (0.8 + 0.4 * next()) / usual),
  );
  const shifted = g.add(
    scaled,
    channel(() => most * next()),
  );
  return g.cast(g.clip(g.round(shifted), 0, most), codesOf(pair));
}

/**
 * Weights on the grid of block floats while they are trained: the product computes with rounded
 * weights, and the gradient reaches the floats behind them. Exponents stay, or are learned as steps
 * are: Esser et al., "Learned Step Size Quantization", ICLR 2020, arXiv 1902.08153, with steps that
 * are powers of two. Not here: the format (src/quant/formats/block-float.ts), training.
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import { type ErrorSite, expected } from '../core/errors.js';
import { elementCount } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { type GraphBuilder, requireBuilder } from '../ops/builder.js';
import { blockFloat, finiteFloats, requireMantissaBits } from '../quant/formats/block-float.js';
import { groupsOf } from '../quant/groups.js';
import { halfEven } from '../quant/rounding.js';
import { Tensor, type TensorLike } from '../tensor/tensor.js';

type Float = Value<'f32'>;

const GRANULARITIES = ['tensor', 'channel'] as const;

/** The numbers that weights may be: multiples of a power of two that some of them share. */
export interface GridOptions {
  /** Bits of a mantissa, without the sign: 1 to 24. */
  readonly bits: number;
  /** What shares an exponent. Default 'tensor'. */
  readonly granularity?: (typeof GRANULARITIES)[number] | undefined;
}

/** Powers of two that a float32 holds. */
const POWERS = { least: -149, most: 127 };

/**
 * The exponents E that `blockFloat` gives weights, in the shape in which they broadcast over them.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function gridExponents(weights: TensorLike<'f32'>, options: GridOptions): Tensor<'f32'> {
  const { bits, granularity } = settings(options, { op: 'gridExponents' });
  const { exponents } = blockFloat(weights, { bits, granularity });
  return new Tensor(
    'f32',
    Float32Array.from(exponents),
    groupsOf(granularity, weights.shape).shape,
  );
}

/**
 * The numbers of `blockFloat` to the bit where the exponents are its own; other exponents may be
 * any numbers, of which the nearest whole ones count.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function gridValues(
  weights: TensorLike<'f32'>,
  exponents: TensorLike<'f32'>,
  options: GridOptions,
): Tensor<'f32'> {
  const { bits, granularity } = settings(options, { op: 'gridValues' });
  const w = finiteFloats(weights, { op: 'gridValues' });
  const groups = groupsOf(granularity, w.shape);
  const most = 2 ** bits - 1;
  const units = Array.from(exponents.data, (exponent) => 2 ** powerOf(exponent, bits));
  const values = w.data.map((value, i) => {
    const unit = units[groups.of(i)] as number;
    return Math.max(-most, Math.min(most, halfEven(value / unit))) * unit;
  });
  return new Tensor('f32', values, w.shape);
}

/** Of the last bit of a mantissa. */
function powerOf(exponent: number, bits: number): number {
  const power = halfEven(exponent) - bits + 1;
  return Math.max(POWERS.least, Math.min(POWERS.most, power));
}

/**
 * `gridValues` as ops, for training. With u = 2^(E - bits + 1) and v = w / u
 *
 *   w' = round(clip(v, -most, most)) u       most = 2^bits - 1
 *
 * the gradient reaches w where v is not clipped, and E, if it is a state, as
 * sum g (round(v) - v) u ln 2, of clipped ones g v u ln 2, all that over sqrt(n most).
 * @param exponents a value of the shape that `gridExponents` gives
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE
 */
export function gridWeights(
  g: GraphBuilder,
  name: string,
  weights: Float,
  exponents: Float,
  options: GridOptions,
): Float {
  requireBuilder(g, 'gridWeights');
  const { bits } = settings(options, { op: 'gridWeights', node: name });
  const most = 2 ** bits - 1;
  const unit = unitOf(g, name, exponents, bits, elementCount(weights.shape as number[]) * most);
  const counted = g.div(weights, unit, { name: `${name}.counted` });
  const clipped = g.clip(counted, -most, most, { name: `${name}.clipped` });
  const whole = g.round(clipped, { name: `${name}.whole` });
  const mantissas = g.surrogate(whole, clipped, { name: `${name}.mantissas` });
  return g.mul(mantissas, unit, { name });
}

/** 2^(round(E) - bits + 1), exactly; its gradient is that of the power. */
function unitOf(g: GraphBuilder, name: string, exponents: Float, bits: number, count: number) {
  const { least, most } = POWERS;
  const table = Float32Array.from({ length: most - least + 1 }, (_, i) => 2 ** (least + i));
  const powers = g.constant(new Tensor('f32', table, [table.length]), { name: `${name}.powers` });
  const slow = g.mul(exponents, 1 / Math.sqrt(count), { name: `${name}.slow` });
  const whole = g.round(exponents, { name: `${name}.exponents` });
  const power = g.add(whole, 1 - bits, { name: `${name}.power` });
  const place = g.clip(g.sub(power, least), 0, table.length - 1, { name: `${name}.place` });
  const index = g.cast(place, 'i32', { name: `${name}.index` });
  const exact = g.take(powers as Float, index, 0, { name: `${name}.exact` });
  // The derivative of 2^E, u ln 2, times the slowed E.
  const slope = g.mul(g.surrogate(exact), Math.LN2, { name: `${name}.slope` });
  return g.surrogate(exact, g.mul(slow, slope), { name: `${name}.unit` });
}

function settings(options: GridOptions, site: ErrorSite) {
  requireOptions(options, { bits: true, granularity: true }, site);
  const { bits, granularity = 'tensor' } = options;
  requireMantissaBits(bits, 'bits', site);
  if (typeof granularity !== 'string')
    throw expected('ERR_ARGUMENT', 'an exponent a tensor or a channel', granularity, site);
  requireOneOf(granularity, GRANULARITIES, 'granularity', site);
  return { bits, granularity };
}

/**
 * The graph form of affine quantization, in elementary ops:
 *
 *   q  = cast(clip(add(round(div(x, scale)), zero), lo, hi), dtype)
 *   x' = mul(sub(cast(q, f32), zero), scale)
 *
 * Where the zero point is 0, add and sub are left out. Constants are quantized at once and stand in
 * the graph as codes. A pass finds these chains and moves products into integers. Not here: schemes
 * that are no affine (./weights.ts).
 */
import { expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { Tensor } from '../tensor/tensor.js';
import { tensorOf } from '../tensor/values.js';
import { type AffineParams, requireAffine } from './affine.js';
import type { Groups } from './groups.js';
import { ROUNDINGS } from './rounding.js';
import { codesOf, type QuantSpec } from './spec.js';

type Float = Value<'f32'>;

/**
 * x through codes and back. The values are made under names that begin with `name`; the last is
 * called `name` itself. `groups` are those of x: the whole tensor, or its channels.
 * @throws BitplaneError ERR_ARGUMENT for a scale or zero point that the spec does not have
 */
export function fakeQuantize(
  g: GraphBuilder,
  name: string,
  x: Float,
  spec: QuantSpec,
  params: AffineParams,
  groups: Groups,
): Float {
  requireAffine(spec, params);
  if (groups.block !== undefined)
    throw expected('ERR_UNSUPPORTED', 'constants for blocks', x.op, { op: 'quantize', node: name });
  const { scale, zero } = operands(g, name, params, groups);
  return fakeQuantizeBy(g, name, x, spec, scale, zero === undefined ? {} : { zero });
}

export interface FakeQuantizeOptions {
  /** Default 0. */
  readonly zero?: Float | undefined;
  /**
   * Lets a gradient through: rounding passes it as it is where x has a code, and the scale takes
   * the rest (LSQ, Esser et al., ICLR 2020). Default false.
   */
  readonly trained?: boolean | undefined;
}

/** `fakeQuantize` by a scale and a zero point that may be computed. */
export function fakeQuantizeBy(
  g: GraphBuilder,
  name: string,
  x: Float,
  spec: QuantSpec,
  scale: Float,
  { zero, trained = false }: FakeQuantizeOptions = {},
): Float {
  const { lo, hi, dtype } = codesOf(spec);
  let y = g.div(x, scale, { name: `${name}.scaled` });
  y = ROUNDINGS[spec.rounding].emit(g, `${name}.rounded`, y);
  if (zero !== undefined) y = g.add(y, zero, { name: `${name}.shifted` });
  const codes = g.cast(g.clip(y, lo, hi, { name: `${name}.clipped` }), dtype, {
    name: `${name}.codes`,
  });
  if (!trained) return dequantized(g, name, codes, scale, zero);
  const whole = g.cast(codes as Value<'u8'>, 'f32', { name: `${name}.whole` });
  const unrounded = zero === undefined ? g.div(x, scale) : g.add(g.div(x, scale), zero);
  const passed = g.surrogate(whole, g.clip(unrounded, lo, hi));
  return g.mul(zero === undefined ? passed : g.sub(passed, zero), scale, { name });
}

/**
 * The numbers of constant codes of a shape, as a constant of their dtype and the arithmetic behind
 * it. Codes in blocks are stored with the last block of a row filled up with zeros.
 */
export function constantCodes(
  g: GraphBuilder,
  name: string,
  codes: ArrayLike<number>,
  shape: readonly number[],
  spec: QuantSpec,
  params: AffineParams,
  groups: Groups,
): Float {
  const { dtype } = codesOf(spec);
  const { scale, zero } = operands(g, name, params, groups);
  const { block } = groups;
  if (block === undefined) {
    const stored = g.constant(tensorOf(dtype, codes, shape), { name: `${name}.codes` });
    return dequantized(g, name, stored, scale, zero);
  }
  const last = shape[shape.length - 1] as number;
  const outer = shape.slice(0, -1);
  const filled = Math.ceil(last / block) * block;
  const padded = padRows(codes, last, filled, params.zero, groups);
  const stored = g.constant(tensorOf(dtype, padded, [...outer, filled]), { name: `${name}.codes` });
  const cut = g.reshape(g.cast(stored, 'f32', { name: `${name}.whole` }), [
    ...outer,
    filled / block,
    block,
  ]) as Float;
  const centred = zero === undefined ? cut : g.sub(cut, zero, { name: `${name}.centred` });
  const real = g.mul(centred, scale, { name: `${name}.blocks` });
  return unpadded(g, name, real, shape, filled);
}

/** Numbers in rows of blocks as the shape that they had before `padRows`. */
export function unpadded(
  g: GraphBuilder,
  name: string,
  x: Float,
  shape: readonly number[],
  filled: number,
): Float {
  const last = shape[shape.length - 1] as number;
  const outer = shape.slice(0, -1);
  if (filled === last) return g.reshape(x, shape, { name }) as Float;
  const rows = g.reshape(x, [...outer, filled], { name: `${name}.rows` }) as Float;
  const starts = shape.map(() => 0);
  const steps = shape.map(() => 1);
  return g.slice(rows, starts, shape, { steps, name }) as Float;
}

/** Rows of `last` codes as rows of `filled`; what is added stands for 0. */
function padRows(
  codes: ArrayLike<number>,
  last: number,
  filled: number,
  zero: Int32Array,
  groups: Groups,
): ArrayLike<number> {
  if (filled === last) return codes;
  const rows = codes.length / last;
  const padded = new Int32Array(rows * filled);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < filled; i++)
      padded[row * filled + i] =
        i < last
          ? (codes[row * last + i] as number)
          : (zero[groups.of(row * last + last - 1)] as number);
  }
  return padded;
}

function dequantized(
  g: GraphBuilder,
  name: string,
  codes: Value,
  scale: Float,
  zero: Float | undefined,
): Float {
  const whole = g.cast(codes as Value<'u8'>, 'f32', { name: `${name}.whole` });
  const centred = zero === undefined ? whole : g.sub(whole, zero, { name: `${name}.centred` });
  return g.mul(centred, scale, { name });
}

function operands(
  g: GraphBuilder,
  name: string,
  { scale, zero }: AffineParams,
  { shape }: Groups,
): { readonly scale: Float; readonly zero: Float | undefined } {
  return {
    scale: g.constant(new Tensor('f32', scale, shape), { name: `${name}.scale` }) as Float,
    zero: zero.every((value) => value === 0)
      ? undefined
      : (g.constant(new Tensor('f32', Float32Array.from(zero), shape), {
          name: `${name}.zero`,
        }) as Float),
  };
}

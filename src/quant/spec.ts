/**
 * QuantSpec: what a quantized value is, without its numbers. Layers, quantizers, importers and
 * `quantizeGraph` take the same one. Not here: texts for specs (./parse-spec.ts), scales and zero
 * points (./affine.ts), what the schemes compute (./formats).
 */
import { type OptionNames, requireOneOf, requireOptions } from '../core/checks.js';
import { type Integer, integerBounds } from '../core/dtype.js';
import { type ErrorSite, expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';
import { ROUNDINGS, type Rounding } from './rounding.js';

/**
 * How numbers become codes.
 * - `symmetric`: q = round(x / scale), the zero point is 0
 * - `asymmetric`: q = round(x / scale) + zero
 * - `bipolar`: one bit, x < 0 ? -scale : +scale, scale = mean |x|
 * - `powerOfTwo`: 0 and +-scale * 2^k, one power a code (logarithmic)
 * - `outlier`: symmetric, but of each block of about 1 / fraction weights the largest has 16 bits
 * - `blockFloat`: a sign and bits - 1 bits of mantissa a number, one power of two a block
 */
export type Scheme = (typeof SCHEMES)[number];
const SCHEMES = [
  'symmetric',
  'asymmetric',
  'bipolar',
  'powerOfTwo',
  'outlier',
  'blockFloat',
] as const;

/**
 * What shares one scale: the tensor, an output channel (axis 0 of weights, the last axis of
 * activations), or `block` neighbours along the last axis of weights, which is the input channels.
 */
export type Granularity = 'tensor' | 'channel' | { readonly block: number };

/** A quantization: bits, sign, scheme, and what shares a scale. */
export interface QuantSpec {
  /** Bits of a code, its sign included. */
  readonly bits: number;
  /** Whether codes may be below 0. */
  readonly signed: boolean;
  /** How numbers become codes. */
  readonly scheme: Scheme;
  /** What shares a scale. */
  readonly granularity: Granularity;
  /** What a number between two codes becomes. */
  readonly rounding: Rounding;
  /** Leaves out one code: the least of a signed range, the greatest of an unsigned one. */
  readonly narrow: boolean;
  /** The share of weights with 16 bits, for `outlier` alone. */
  readonly fraction?: number;
}

/** A spec with what the scheme decides left out. */
export type QuantSpecOptions = Pick<QuantSpec, 'bits'> & Partial<QuantSpec>;

const FIELDS: OptionNames<QuantSpec> = {
  bits: true,
  signed: true,
  scheme: true,
  granularity: true,
  rounding: true,
  narrow: true,
  fraction: true,
};
const SITE = { op: 'QuantSpec' };
/** The bits that each scheme has codes for. */
const BITS: Readonly<Record<Scheme, readonly [least: number, most: number]>> = {
  symmetric: [1, 8],
  asymmetric: [1, 8],
  bipolar: [1, 1],
  // A magnitude of 4 bits reaches from 1 to 2^-14; 5 bits would pass the ends of a float32.
  powerOfTwo: [2, 5],
  outlier: [2, 8],
  blockFloat: [2, 8],
};
const DEFAULT_FRACTION = 1 / 32;

/**
 * The whole spec. Defaults: symmetric, signed, one scale a tensor, half to even, not narrow; a
 * fraction of 1/32; blocks of 32 for `blockFloat`.
 * @throws BitplaneError ERR_ARGUMENT naming the field
 */
export function quantSpec(options: QuantSpecOptions): QuantSpec {
  requireOptions(options as Partial<QuantSpec>, FIELDS, SITE);
  const { bits, scheme = 'symmetric', rounding = 'halfEven', fraction } = options;
  requireOneOf(scheme, SCHEMES, 'scheme', SITE);
  requireOneOf(rounding, Object.keys(ROUNDINGS), 'rounding', SITE);
  const [least, most] = BITS[scheme];
  if (!Number.isInteger(bits) || bits < least || bits > most)
    throw expected('ERR_ARGUMENT', `bits from ${least} to ${most} for ${scheme}`, bits, SITE);
  const { signed = true, narrow = false } = options;
  for (const [name, value] of Object.entries({ signed, narrow }))
    if (typeof value !== 'boolean')
      throw expected('ERR_ARGUMENT', `${name} to be true or false`, value, SITE);
  if (!signed && scheme !== 'symmetric' && scheme !== 'asymmetric')
    throw expected('ERR_ARGUMENT', `signed to be true for ${scheme}`, signed, SITE);
  if (signed && bits === 1 && scheme !== 'bipolar')
    throw expected('ERR_ARGUMENT', "scheme 'bipolar' for one signed bit", scheme, SITE);
  if (!signed && bits === 1 && narrow)
    throw expected('ERR_ARGUMENT', 'narrow to leave two codes or more', narrow, SITE);
  const granularity = granularityOf(options.granularity, scheme);
  if ((scheme === 'outlier') !== (fraction !== undefined) && scheme !== 'outlier')
    throw expected('ERR_ARGUMENT', `no fraction for ${scheme}`, fraction, SITE);
  const share = fraction ?? DEFAULT_FRACTION;
  if (!(typeof share === 'number' && share > 0 && share <= 0.5))
    throw expected('ERR_ARGUMENT', 'fraction above 0 and at most 0.5', share, SITE);
  return Object.freeze({
    bits,
    signed,
    scheme,
    granularity,
    rounding,
    narrow,
    ...(scheme === 'outlier' && { fraction: share }),
  });
}

function granularityOf(given: Granularity | undefined, scheme: Scheme): Granularity {
  if (given === undefined) return scheme === 'blockFloat' ? Object.freeze({ block: 32 }) : 'tensor';
  requireGranularity(given, SITE);
  if (given === 'tensor' || given === 'channel') return given;
  const { block } = given;
  if (scheme === 'bipolar' || scheme === 'powerOfTwo' || scheme === 'outlier')
    throw expected(
      'ERR_ARGUMENT',
      `'tensor' or 'channel' for ${scheme}`,
      `blocks of ${block}`,
      SITE,
    );
  return Object.freeze({ block });
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireGranularity(given: Granularity, site: ErrorSite): void {
  if (given === 'tensor' || given === 'channel') return;
  const block = (given as { block?: unknown } | null)?.block;
  if (!isSize(block) || block === 0)
    throw expected(
      'ERR_ARGUMENT',
      "granularity to be 'tensor', 'channel' or { block: a whole number above 0 }",
      given,
      site,
    );
}

/** The codes of a spec, and the dtype that stores them. */
export interface Codes {
  readonly lo: number;
  readonly hi: number;
  readonly dtype: Exclude<Integer, 'i32'>;
}

/**
 * The codes of every scheme but `bipolar`. A symmetric scheme of signed numbers with as many codes
 * below zero as above needs `narrow`. `powerOfTwo` and `blockFloat` have magnitudes and a sign, so
 * they always leave the least code out.
 */
export function codesOf({ bits, signed, scheme, narrow }: QuantSpec): Codes {
  const dtype = `${signed ? 'i' : 'u'}${bits}` as Codes['dtype'];
  const { lo, hi } = integerBounds(dtype);
  const drops = narrow || scheme === 'powerOfTwo' || scheme === 'blockFloat';
  return { lo: drops && signed ? lo + 1 : lo, hi: drops && !signed ? hi - 1 : hi, dtype };
}

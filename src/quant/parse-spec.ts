/**
 * Short forms of a QuantSpec, for command lines and options: one grammar, one function.
 *
 *   8, 'int8'           symmetric; 1 is 'bipolar'
 *   'uint4'             unsigned, from 0
 *   'uint8-asymmetric'  with a zero point
 *   'int4-narrow'       -7 to 7
 *   'ternary'           int2-narrow: -1, 0, 1
 *   'bipolar'           one bit
 *   'log4'              powers of two
 *   'outlier4'          4 bits, and 16 for the largest of every 32 weights
 *   'bfp8'              block floating point: a sign, 7 bits of mantissa
 *
 * each with '-channel' or '-block32' for what shares a scale. Not here: what the fields mean
 * (./spec.ts).
 */
import { expected } from '../core/errors.js';
import { type Granularity, type QuantSpec, type QuantSpecOptions, quantSpec } from './spec.js';

/** The short form of a spec. */
export type QuantSpecText = QuantSpecBase | `${QuantSpecBase}-${string}`;
/** What a short form begins with: the kind of numbers, and their bits. */
export type QuantSpecBase =
  | `${'int' | 'uint' | 'log' | 'outlier' | 'bfp'}${number}`
  | 'ternary'
  | 'bipolar';

/** A spec, its fields without the defaults, or its short form. */
export type QuantSpecLike = QuantSpecOptions | number | QuantSpecText;

const FORM = /^(int|uint|log|outlier|bfp|ternary|bipolar)(\d*)((?:-[a-z]+\d*)*)$/;
const EXAMPLES = "a quantization such as 8, 'int8', 'uint4', 'ternary' or 'int4-channel'";

/**
 * A text as the command line has it, such as 'int4-channel', 'ternary' or 'bfp6-block16', as a
 * QuantSpec.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function parseQuantSpec(like: QuantSpecLike | string): QuantSpec {
  if (typeof like === 'object' && like !== null) return quantSpec(like);
  if (typeof like === 'number')
    return quantSpec({ bits: like, ...(like === 1 && { scheme: 'bipolar' }) });
  const match = typeof like === 'string' ? FORM.exec(like) : null;
  const base = match === null ? undefined : baseOf(match[1] as string, match[2] as string);
  if (match === null || base === undefined)
    throw expected('ERR_ARGUMENT', EXAMPLES, like, { op: 'QuantSpec' });
  let options: QuantSpecOptions = base;
  const said = new Set<string>();
  for (const word of (match[3] as string).split('-').slice(1)) {
    const more = suffixOf(word);
    if (more === undefined)
      throw expected(
        'ERR_ARGUMENT',
        '-channel, -tensor, -block32, -asymmetric or -narrow',
        `-${word}`,
        { op: 'QuantSpec', node: like as string },
      );
    const [field = ''] = Object.keys(more);
    if (said.has(field))
      throw expected('ERR_ARGUMENT', `${field} to be said once`, `-${word}`, {
        op: 'QuantSpec',
        node: like as string,
      });
    said.add(field);
    options = { ...options, ...more };
  }
  return quantSpec(options);
}

/** True for a spec that says itself what shares a scale. */
export function saysGranularity(like: QuantSpecLike): boolean {
  if (typeof like === 'number') return false;
  return typeof like === 'string'
    ? /-(channel|tensor|block\d+)(-|$)/.test(like)
    : like.granularity !== undefined;
}

function baseOf(kind: string, digits: string): QuantSpecOptions | undefined {
  const bits = Number(digits);
  if ((kind === 'ternary' || kind === 'bipolar') !== (digits === '')) return undefined;
  switch (kind) {
    case 'int':
      return bits === 1 ? { bits, scheme: 'bipolar' } : { bits };
    case 'uint':
      return { bits, signed: false };
    case 'log':
      return { bits, scheme: 'powerOfTwo' };
    case 'outlier':
      return { bits, scheme: 'outlier' };
    case 'bfp':
      return { bits, scheme: 'blockFloat' };
    case 'ternary':
      return { bits: 2, narrow: true };
    default:
      return { bits: 1, scheme: 'bipolar' };
  }
}

function suffixOf(word: string): Partial<QuantSpec> | undefined {
  if (word === 'channel' || word === 'tensor') return { granularity: word };
  if (word === 'asymmetric') return { scheme: 'asymmetric' };
  if (word === 'narrow') return { narrow: true };
  const block = /^block(\d+)$/.exec(word);
  return block === null ? undefined : { granularity: { block: Number(block[1]) } };
}

/** The short form of a spec, for tables: 'int4-channel'. Rounding and fraction are left out. */
export function showQuantSpec(spec: QuantSpec): string {
  const { bits, signed, scheme, granularity, narrow } = spec;
  const base =
    scheme === 'bipolar'
      ? 'bipolar'
      : scheme === 'powerOfTwo'
        ? `log${bits}`
        : scheme === 'outlier'
          ? `outlier${bits}`
          : scheme === 'blockFloat'
            ? `bfp${bits}`
            : `${signed ? 'int' : 'uint'}${bits}`;
  return [
    base,
    ...(scheme === 'asymmetric' ? ['asymmetric'] : []),
    ...(narrow ? ['narrow'] : []),
    ...shared(granularity),
  ].join('-');
}

function shared(granularity: Granularity): string[] {
  if (granularity === 'tensor') return [];
  return [granularity === 'channel' ? 'channel' : `block${granularity.block}`];
}

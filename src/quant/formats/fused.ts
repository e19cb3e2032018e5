/**
 * Weights of several networks of one shape in one word a weight. A word is the fields of the tasks,
 * the first task's at the top; task k has w_k bits and lies s_k above the lowest bit:
 *
 *   F = sum of M_k 2^(s_k)       s_k = w_(k+1) + w_(k+2) + ...       M_k = (F >> s_k) & (2^w_k - 1)
 *
 * - `bfp`: M_k are mantissas of block floating point (./block-float.ts). Signs are kept apart, one
 *   bit a task, and exponents, one a group and task. n + m + 2 bits for two networks. Bae and Bae,
 *   "Improved Adapting a Single Network to Multiple Tasks By Bit Plane Slicing and Dithering".
 * - `ieee754`: M_k are the upper bits of the mantissas that float32 stores. The first task gives up
 *   its lowest p bits, which hold the upper bits of the others, below its own 23 - p: two networks
 *   with q = p have a word of 23 bits. Signs and exponents of all are kept apart, 9 bits a task.
 *   Bae and Bae, "Adapting a Single Network to Multiple Tasks By Bit Plane Slicing and Dithering",
 *   KIISE 2019. Where the paper's words have p - q zeros at the end, nothing is stored here.
 *
 * What lies below a field is noise to its task, which the authors let stand in for dithering. Not
 * here: reading words (./split.ts), files (src/formats/store), networks (src/fusion).
 */
import { requireOneOf, requireOptions } from '../../core/checks.js';
import { type ErrorSite, expected } from '../../core/errors.js';
import { sameShape, showShape } from '../../core/shape.js';
import { packFields } from '../../tensor/bit-fields.js';
import type { Tensor, TensorLike } from '../../tensor/tensor.js';
import type { Granularity } from '../spec.js';
import {
  blockFloat,
  finiteFloats,
  type MantissaRounding,
  requireMantissaBits,
} from './block-float.js';
import {
  exponentFieldOf,
  floatBits,
  mantissaFieldOf,
  STORED_MANTISSA,
  signOf,
} from './float-fields.js';

export const FUSION_METHODS = ['bfp', 'ieee754'] as const;
/** How weights share words: 'bfp' (block floats) or 'ieee754' (fields of 32-bit floats). */
export type FusionMethod = (typeof FUSION_METHODS)[number];

/**
 * What becomes of the bits below a task's own when its weights are read: `mask` takes them for 0,
 * `noise` leaves the other tasks' bits there, `random` puts other bits there, the same in every
 * run.
 */
export const DITHERS = ['mask', 'noise', 'random'] as const;
/** What stands for the bits below a task's own when its weights are read. */
export type Dither = (typeof DITHERS)[number];

/** Bits of a word. */
export const MOST_WORD_BITS = 32;

/** How weights of several tasks are put into words. */
export interface FuseOptions {
  /** How the words are laid out. */
  readonly method: FusionMethod;
  /**
   * One number a task. `bfp`: bits of its mantissa, 1 to 24, together at most 32. `ieee754`: of the
   * first task the lowest bits that it gives up, p; of each other task the upper bits that are
   * kept, q, together at most p.
   */
  readonly bits: readonly number[];
  /** Of `bfp`: what shares an exponent. Default 'tensor'. */
  readonly granularity?: Granularity | undefined;
  /** Of `bfp`. Default 'nearest'. */
  readonly rounding?: MantissaRounding | undefined;
  /** The tensor's name in errors. */
  readonly name?: string | undefined;
}

/** The weights of several tasks in one word each. */
export interface Fused {
  /** How the words are laid out. */
  readonly method: FusionMethod;
  /** Of the weights of each task. */
  readonly shape: readonly number[];
  /** Bits of the fields, the first task's first. */
  readonly fields: readonly number[];
  /** What shares an exponent. */
  readonly granularity: Granularity;
  /** One word a weight, without gaps (src/tensor/bit-fields.ts). */
  readonly words: Uint8Array;
  /** A plane of one bit a weight for each task, one after another without gaps; 1: below 0. */
  readonly signs: Uint8Array;
  /** `bfp`: E, one a group, task by task. `ieee754`: exponent fields, one a weight, likewise. */
  readonly exponents: Int16Array | Uint8Array;
}

/**
 * Weights of two tasks or more in one word each.
 * @throws BitplaneError ERR_ARGUMENT for widths that no word has room for, or weights that are not
 * finite, ERR_SHAPE for tensors of other shapes than the first; all name the tensor, where
 * `options.name` does
 */
export function fuse(tensors: readonly TensorLike<'f32'>[], options: FuseOptions): Fused {
  const site = { op: 'fuse', node: (options as Partial<FuseOptions> | undefined)?.name };
  const { bits, granularity, rounding } = requireFuseOptions(options, site);
  if (!Array.isArray(tensors) || tensors.length !== bits.length)
    throw expected(
      'ERR_ARGUMENT',
      `a tensor for each of ${bits.length} widths`,
      Array.isArray(tensors) ? tensors.length : tensors,
      site,
    );
  const all = tensors.map((tensor) => finiteFloats(tensor, site));
  const { shape } = all[0] as Tensor<'f32'>;
  const other = all.find((tensor) => !sameShape(tensor.shape, shape));
  if (other !== undefined)
    throw expected(
      'ERR_SHAPE',
      `tensors of shape ${showShape(shape)}`,
      showShape(other.shape),
      site,
    );
  return options.method === 'bfp'
    ? fuseBlockFloats(all, bits, granularity, rounding)
    : fuseFields(all, bits);
}

/** The options with their defaults. @throws BitplaneError ERR_ARGUMENT */
export function requireFuseOptions(
  options: FuseOptions,
  site: ErrorSite,
): {
  readonly bits: readonly number[];
  readonly granularity: Granularity;
  readonly rounding: MantissaRounding;
} {
  requireOptions(
    options,
    { method: true, bits: true, granularity: true, rounding: true, name: true },
    site,
  );
  const { method, bits, granularity = 'tensor', rounding = 'nearest' } = options;
  requireOneOf(method, FUSION_METHODS, 'method', site);
  if (!Array.isArray(bits) || bits.length < 2)
    throw expected('ERR_ARGUMENT', 'bits of two tasks or more', bits, site);
  if (method === 'bfp') requireBlockFloatBits(bits, site);
  else {
    requireFieldBits(bits, site);
    if (options.granularity !== undefined || options.rounding !== undefined)
      throw expected(
        'ERR_ARGUMENT',
        'granularity and rounding for bfp alone',
        options.granularity ?? options.rounding,
        site,
      );
  }
  return { bits, granularity, rounding };
}

function requireBlockFloatBits(bits: readonly number[], site: ErrorSite): void {
  for (const [task, width] of bits.entries())
    requireMantissaBits(width, `bits of task ${task + 1}`, site);
  const sum = bits.reduce((a, b) => a + b, 0);
  if (sum > MOST_WORD_BITS)
    throw expected(
      'ERR_ARGUMENT',
      `at most ${MOST_WORD_BITS} bits together`,
      `${bits.join(' + ')} = ${sum}`,
      site,
    );
}

function requireFieldBits([p, ...others]: readonly number[], site: ErrorSite): void {
  const isWidth = (width: unknown) =>
    Number.isInteger(width) && (width as number) >= 1 && (width as number) <= STORED_MANTISSA;
  for (const [task, width] of [p, ...others].entries())
    if (!isWidth(width))
      throw expected(
        'ERR_ARGUMENT',
        `bits of task ${task + 1} from 1 to ${STORED_MANTISSA}`,
        width,
        site,
      );
  const sum = others.reduce((a, b) => a + b, 0);
  if (sum > (p as number))
    throw expected(
      'ERR_ARGUMENT',
      `at most the ${p} bits that the first task gives up`,
      `${others.join(' + ')} = ${sum}`,
      site,
    );
}

function fuseBlockFloats(
  tensors: readonly Tensor<'f32'>[],
  bits: readonly number[],
  granularity: Granularity,
  rounding: MantissaRounding,
): Fused {
  const { shape, size } = tensors[0] as Tensor<'f32'>;
  const parts = tensors.map((tensor, task) =>
    blockFloat(tensor, { bits: bits[task] as number, granularity, rounding }),
  );
  const groups = (parts[0] as (typeof parts)[0]).exponents.length;
  const exponents = new Int16Array(groups * parts.length);
  for (const [task, part] of parts.entries()) exponents.set(part.exponents, groups * task);
  return {
    method: 'bfp',
    shape,
    fields: Object.freeze([...bits]),
    granularity,
    words: joinWords(
      parts.map(({ mantissas }) => mantissas),
      bits,
      size,
    ),
    signs: joinPlanes(
      parts.map(({ signs }) => signs),
      size,
    ),
    exponents,
  };
}

function fuseFields(tensors: readonly Tensor<'f32'>[], bits: readonly number[]): Fused {
  const { shape, size } = tensors[0] as Tensor<'f32'>;
  const [p, ...others] = bits as readonly [number, ...number[]];
  const fields = [STORED_MANTISSA - p, ...others];
  const words = tensors.map(({ data }) => floatBits(data));
  const exponents = new Uint8Array(size * words.length);
  for (const [task, all] of words.entries())
    for (let i = 0; i < size; i++) exponents[task * size + i] = exponentFieldOf(all[i] as number);
  return {
    method: 'ieee754',
    shape,
    fields: Object.freeze(fields),
    granularity: 'tensor',
    words: joinWords(
      words.map((all, task) =>
        all.map((word) => mantissaFieldOf(word) >>> (STORED_MANTISSA - (fields[task] as number))),
      ),
      fields,
      size,
    ),
    signs: joinPlanes(
      words.map((all) => Uint8Array.from(all, signOf)),
      size,
    ),
    exponents,
  };
}

function joinWords(
  parts: readonly Uint32Array[],
  fields: readonly number[],
  size: number,
): Uint8Array {
  const words = new Uint32Array(size);
  for (const [task, part] of parts.entries()) {
    const shift = fieldShift(fields, task);
    for (let i = 0; i < size; i++) words[i]! |= (part[i] as number) << shift;
  }
  return packFields(words, wordBits(fields));
}

function joinPlanes(planes: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint32Array(size * planes.length);
  for (const [task, plane] of planes.entries()) all.set(plane, size * task);
  return packFields(all, 1);
}

/** Bits of a word. */
export function wordBits(fields: readonly number[]): number {
  return fields.reduce((a, b) => a + b, 0);
}

/** How far the field of a task lies above the lowest bit. */
export function fieldShift(fields: readonly number[], task: number): number {
  return wordBits(fields.slice(task + 1));
}

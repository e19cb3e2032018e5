/**
 * The weights of a task, out of words that several share. Not here: how words are made
 * (./fused.ts), the parts of files (src/formats/store).
 */
import { requireOneOf, requireOptions } from '../../core/checks.js';
import { type ErrorSite, expected } from '../../core/errors.js';
import { MOST_FLOAT } from '../../core/float32.js';
import { elementCount } from '../../core/shape.js';
import { fieldMask, unpackFields } from '../../tensor/bit-fields.js';
import { Tensor } from '../../tensor/tensor.js';
import { groupsOf } from '../groups.js';
import { unitsOf } from './block-float.js';
import { joinFields, STORED_MANTISSA } from './float-fields.js';
import { DITHERS, type Dither, type Fused, fieldShift, wordBits } from './fused.js';

/** How the bits below a task's own are read. */
export interface SplitOptions {
  /** Default: `mask` of `bfp`, `noise` of `ieee754`, as the papers have it. */
  readonly dither?: Dither | undefined;
  /** Of `random`. Default 0. */
  readonly seed?: number | undefined;
}

export function defaultDither(method: string): Dither {
  return method === 'ieee754' ? 'noise' : 'mask';
}

/**
 * The weights of a task, by its number. With `mask` they are those of `blockFloat` or
 * `sliceMantissa`, bit for bit; with `noise` and `random` the bits below a task's own are those of
 * a longer mantissa, and where these are more than 24 bits the number is rounded to a float32, the
 * greatest finite one at most.
 * @throws BitplaneError ERR_ARGUMENT for a task or a dither that there is not
 */
export function split(fused: Fused, task: number, options: SplitOptions = {}): Tensor<'f32'> {
  const site = { op: 'split' };
  requireOptions(options, { dither: true, seed: true }, site);
  const { fields, shape, method } = requireFused(fused, site);
  const { dither = defaultDither(method), seed = 0 } = options;
  requireOneOf(dither, DITHERS, 'dither', site);
  if (!Number.isInteger(seed)) throw expected('ERR_ARGUMENT', 'seed to be a number', seed, site);
  if (!(Number.isInteger(task) && task >= 0 && task < fields.length))
    throw expected('ERR_ARGUMENT', `a task from 0 to ${fields.length - 1}`, task, site);
  const values = splitPart(fused, task, { dither, seed }, 0, elementCount(shape));
  return new Tensor('f32', values, shape);
}

function requireFused(fused: Fused, site: ErrorSite): Fused {
  if (!ArrayBuffer.isView(fused?.words) || !Array.isArray(fused.fields))
    throw expected('ERR_ARGUMENT', 'weights that fuse made', fused, site);
  return fused;
}

/** SplitOptions of which none is missing. */
export type Reading = Required<{ [K in keyof SplitOptions]: NonNullable<SplitOptions[K]> }>;

/** Weights [first, first + count) of a task; arguments are taken as they are. */
export function splitPart(
  fused: Fused,
  task: number,
  reading: Reading,
  first: number,
  count: number,
): Float32Array {
  const { fields, words, signs, shape, method } = fused;
  const size = elementCount(shape);
  const all = unpackFields(words, wordBits(fields), first, count);
  readMantissas(all, fields, task, reading, first);
  const negative = unpackFields(signs, 1, size * task + first, count);
  const bits = fieldShift(fields, task) + (fields[task] as number);
  const numbers = { mantissas: all, negative, first, bits };
  return method === 'bfp' ? blockFloats(fused, task, numbers) : ieeeFloats(fused, task, numbers);
}

/** Mantissas of `bits` bits and signs of the weights from `first` on. */
interface Numbers {
  readonly mantissas: Uint32Array;
  readonly negative: Uint32Array;
  readonly first: number;
  readonly bits: number;
}

/** Makes mantissas, of the task's bits and those below, of the words of weights from `first` on. */
export function readMantissas(
  words: Uint32Array,
  fields: readonly number[],
  task: number,
  { dither, seed }: Reading,
  first: number,
): void {
  const shift = fieldShift(fields, task);
  const below = fieldMask(shift);
  const own = ~below & fieldMask(shift + (fields[task] as number));
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    const noise = dither === 'noise' ? word : dither === 'mask' ? 0 : randomBits(first + i, seed);
    words[i] = (word & own) | (noise & below);
  }
}

function blockFloats(
  { shape, granularity, exponents }: Fused,
  task: number,
  { mantissas, negative, first, bits }: Numbers,
): Float32Array {
  const groups = groupsOf(granularity, shape);
  const own = exponents.subarray(groups.count * task, groups.count * (task + 1));
  const units = unitsOf(own as Int16Array, bits);
  const values = new Float32Array(mantissas.length);
  for (let i = 0; i < values.length; i++) {
    const exact = (mantissas[i] as number) * (units[groups.of(first + i)] as number);
    const magnitude = Math.min(exact, MOST_FLOAT);
    values[i] = negative[i] === 1 ? -magnitude : magnitude;
  }
  return values;
}

function ieeeFloats(
  { shape, exponents }: Fused,
  task: number,
  { mantissas, negative, first, bits }: Numbers,
): Float32Array {
  const size = elementCount(shape);
  const values = mantissas.map((mantissa, i) =>
    joinFields(
      negative[i] as number,
      exponents[task * size + first + i] as number,
      mantissa << (STORED_MANTISSA - bits),
    ),
  );
  return new Float32Array(values.buffer);
}

/** 32 bits that depend on both (the finalizer of MurmurHash3). */
function randomBits(index: number, seed: number): number {
  let t = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca77);
  t = Math.imul(t ^ (t >>> 16), 0x85ebca6b);
  t = Math.imul(t ^ (t >>> 13), 0xc2b2ae35);
  return t ^ (t >>> 16);
}

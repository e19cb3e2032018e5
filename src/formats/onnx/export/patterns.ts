/**
 * Chains of elementary ops that quantize and dequantize, as nodes of ONNX say them:
 *
 *   quantize      cast(clip(round(x / scale) + zero))            -> integers
 *   dequantize    (cast(q) - zero) * scale                       -> floats
 *   fake quantize (round(clip(x / scale + zero)) - zero) * scale -> floats, as QONNX has it
 *
 * A scale of 1 and a zero of 0 have no op. Not here: writing them (./writers/quantize.ts).
 */
import { type ByteInteger, integerBounds, isByteInteger } from '../../../core/dtype.js';
import { isSize } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import { isOp, type OpName } from '../../../ops/index.js';
import type { Tensor } from '../../../tensor/tensor.js';
import { baseOf } from './order.js';

/** One number, or one for each element of an axis. */
export interface Steps {
  readonly numbers: Float32Array;
  /** Undefined for one number. */
  readonly axis: number | undefined;
  /**
   * Where the numbers differ along all axes but `axis`, the whole of which is a block: their shape,
   * and the size of a block.
   */
  readonly blocks?: { readonly shape: readonly number[]; readonly size: number };
}

export interface Quantize {
  readonly x: Value;
  readonly scale: Steps;
  readonly zero: Steps;
  readonly lo: number;
  readonly hi: number;
}

export interface Dequantize {
  readonly q: Value;
  readonly scale: Steps;
  readonly zero: Steps;
}

export interface Fake extends Quantize {
  /** The zero point is added before the rounding; QONNX's Quant does so. */
  readonly addsFirst: boolean;
  readonly rounding: 'round' | 'floor' | 'ceil';
  /** The integers that it passes through, where it stores any. */
  readonly stored: Value | undefined;
}

export const ONE: Steps = { numbers: Float32Array.of(1), axis: undefined };
export const ZERO: Steps = { numbers: Float32Array.of(0), axis: undefined };

/** A constant f32 operand of a value as steps; undefined where it is anything else. */
function stepsOf(operand: Value, value: Value): Steps | undefined {
  if (operand.op !== 'constant' || operand.dtype !== 'f32') return undefined;
  const { data: numbers, shape } = operand.data as Tensor<'f32'>;
  if (numbers.length === 1 && shape.length <= value.shape.length)
    return { numbers, axis: undefined };
  const skipped = value.shape.length - shape.length;
  const wide = shape.flatMap((dim, i) => (dim === 1 ? [] : [i]));
  const axis = (wide[0] ?? -1) + skipped;
  if (wide.length === 1 && skipped >= 0 && value.shape[axis] === numbers.length)
    return { numbers, axis };
  const narrow = shape.flatMap((dim, i) => (dim === value.shape[i] ? [] : [i]));
  const [along] = narrow;
  const size = along === undefined ? undefined : value.shape[along];
  return skipped === 0 && narrow.length === 1 && shape[along as number] === 1 && isSize(size)
    ? { numbers, axis: along, blocks: { shape, size } }
    : undefined;
}

function isScale({ numbers }: Steps): boolean {
  return numbers.every((number) => number > 0 && number < Infinity);
}

export function isZero({ numbers }: Steps): boolean {
  return numbers.every((number) => number === 0);
}

function isWithin({ numbers }: Steps, lo: number, hi: number): boolean {
  return numbers.every((number) => Number.isInteger(number) && number >= lo && number <= hi);
}

/** Equal numbers in equal places. */
function sameSteps(a: Steps, b: Steps): boolean {
  const isOne = a.axis === b.axis && (a.blocks === undefined) === (b.blocks === undefined);
  return isOne && a.numbers.every((number, i) => number === b.numbers[i]);
}

/** One axis at most, on which both may have a number an element, or a block. */
function sameGrain(a: Steps, b: Steps): boolean {
  if (a.axis === undefined || b.axis === undefined) return true;
  return a.axis === b.axis && (a.blocks === undefined) === (b.blocks === undefined);
}

/** True where numbers differ by block, which ONNX has from operator set 21 on. */
export function isBlocked({ scale, zero }: Pick<Dequantize, 'scale' | 'zero'>): boolean {
  return scale.blocks !== undefined || zero.blocks !== undefined;
}

/** The operands of `x op steps`, steps constant; of any other value, itself and `neutral`. */
function peeled(value: Value, op: OpName, neutral: Steps): { x: Value; steps: Steps } {
  const [x, operand] = value.inputs;
  const steps = value.op === op && operand !== undefined ? stepsOf(operand, value) : undefined;
  // A constant that is larger than x would make the result larger too.
  const keepsShape = x !== undefined && x.shape.length === value.shape.length;
  return steps !== undefined && keepsShape && x.shape.every((dim, i) => dim === value.shape[i])
    ? { x, steps }
    : { x: value, steps: neutral };
}

export function quantizeOf(value: Value): Quantize | undefined {
  if (!isOp(value, 'cast') || !isByteInteger(value.dtype)) return undefined;
  const found = integersOf(value.inputs[0]);
  if (found === undefined || found.addsFirst || found.rounding !== 'round') return undefined;
  const { lo, hi } = integerBounds(value.dtype);
  return found.lo >= lo && found.hi <= hi ? found : undefined;
}

/** Floats that are integers of a range: rounded and clipped, in either order. */
function integersOf(value: Value): Fake | undefined {
  const inFirst = roundingOf(value);
  const outer = inFirst === undefined ? value : (value.inputs[0] as Value);
  if (!isOp(outer, 'clip')) return undefined;
  const { min: lo, max: hi } = outer.attrs;
  if (!Number.isInteger(lo) || !Number.isInteger(hi) || lo > hi) return undefined;
  const shifted = peeled(outer.inputs[0], 'add', ZERO);
  const inner = inFirst === undefined ? roundingOf(shifted.x) : undefined;
  const rounding = inFirst ?? inner;
  if (rounding === undefined) return undefined;
  const divided = peeled(
    inFirst === undefined ? (shifted.x.inputs[0] as Value) : shifted.x,
    'div',
    ONE,
  );
  if (!isScale(divided.steps) || !isWithin(shifted.steps, lo, hi)) return undefined;
  if (!sameGrain(divided.steps, shifted.steps)) return undefined;
  if (isBlocked({ scale: divided.steps, zero: shifted.steps })) return undefined;
  // Without a zero point both orders are one: the bounds are integers.
  const addsFirst = inFirst !== undefined && !isZero(shifted.steps);
  const [scale, zero] = [divided.steps, shifted.steps];
  return { x: divided.x, scale, zero, lo, hi, addsFirst, rounding, stored: undefined };
}

function roundingOf(value: Value): Fake['rounding'] | undefined {
  return isOp(value, 'round') || isOp(value, 'floor') || isOp(value, 'ceil') ? value.op : undefined;
}

export function dequantizeOf(value: Value): Dequantize | undefined {
  const found = isOp(value, 'mul') ? steppedOf(value) : undefined;
  return found && !isBlocked(found) ? found : undefined;
}

/** As dequantizeOf, of constant integers or bits, where the scale may be 1 and absent. */
export function constantIntegersOf(value: Value): Dequantize | undefined {
  const found = steppedOf(value);
  return found && baseOf(found.q).value.op === 'constant' ? found : undefined;
}

function steppedOf(value: Value): Dequantize | undefined {
  const scaled = peeled(value, 'mul', ONE);
  const centered = isScale(scaled.steps) ? centeredOf(scaled.x) : undefined;
  if (centered === undefined || !sameGrain(scaled.steps, centered.zero)) return undefined;
  return { ...centered, scale: scaled.steps };
}

/** cast(q), or that less a zero point: integers, or bits of a constant, as floats. */
export function centeredOf(value: Value): Omit<Dequantize, 'scale'> | undefined {
  const { x, steps } = peeled(value, 'sub', ZERO);
  if (!isOp(x, 'cast') || x.dtype !== 'f32') return undefined;
  const q: Value = x.inputs[0];
  if (q.dtype === 'b1' && baseOf(q).value.op === 'constant' && isZero(steps))
    return { q, zero: steps };
  if (!isByteInteger(q.dtype)) return undefined;
  const { lo, hi } = integerBounds(q.dtype as ByteInteger);
  return isWithin(steps, lo, hi) ? { q, zero: steps } : undefined;
}

/**
 * Floats quantized and at once dequantized. `value` ends the chain: a product with the scale, or
 * where that is 1 the subtraction of the zero point or the rounded numbers themselves.
 */
export function fakeOf(value: Value): Fake | undefined {
  const scaled = peeled(value, 'mul', ONE);
  const centered = peeled(scaled.x, 'sub', ZERO);
  const stored = isOp(centered.x, 'cast') ? centered.x.inputs[0] : undefined;
  // Through integers of the range and back, which changes nothing but NaN and the sign of 0.
  const found =
    stored === undefined
      ? integersOf(centered.x)
      : isOp(stored, 'cast') && quantizeOf(stored) && integersOf(stored.inputs[0]);
  if (!found) return undefined;
  return sameSteps(found.scale, scaled.steps) && sameSteps(found.zero, centered.steps)
    ? { ...found, stored }
    : undefined;
}

export interface Width {
  readonly bits: number;
  readonly signed: boolean;
  readonly narrow: boolean;
}

/** The width whose integers are those from lo to hi, of 2 bits and more where signed. */
export function widthOf(lo: number, hi: number): Width | undefined {
  for (let bits = 1; bits <= 24; bits++) {
    const most = 2 ** bits;
    if (lo === 0 && (hi === most - 1 || (bits > 1 && hi === most - 2)))
      return { bits, signed: false, narrow: hi === most - 2 };
    if (bits > 1 && hi === most / 2 - 1 && (lo === -most / 2 || lo === 1 - most / 2))
      return { bits, signed: true, narrow: lo === 1 - most / 2 };
  }
  return undefined;
}

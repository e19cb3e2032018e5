/**
 * Layers over low-bit integers, as programs of one instruction: their numbers, random ones among
 * them, and weights as they lie on disk. Not here: running them (./harness.ts).
 */
import { expect } from 'vitest';
import type { Case } from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

export const WEIGHT_KINDS = ['signed', 'unsigned', 'bipolar', 'power'] as const;
export type WeightKind = (typeof WEIGHT_KINDS)[number];

/** What the values of a layer can be. `zero` is the value of x that counts as 0. */
export interface Numbers {
  readonly xSigned: boolean;
  readonly xBits: number;
  readonly weightKind: WeightKind;
  readonly weightBits: number;
  readonly zero: number;
}

export interface IntegerShape extends WindowShape {
  readonly o: number;
  readonly g: number;
}

export const SHAPE: IntegerShape = { ...SAME_3X3, c: 10, o: 19, g: 1 };

export const rangeOfX = ({ xSigned, xBits }: Pick<Numbers, 'xSigned' | 'xBits'>) =>
  xSigned ? ([-(2 ** (xBits - 1)), 2 ** (xBits - 1) - 1] as const) : ([0, 2 ** xBits - 1] as const);

export function rangeOfWeights({ weightKind, weightBits }: Numbers): readonly [number, number] {
  if (weightKind === 'bipolar') return [-1, 1];
  if (weightKind === 'unsigned') return [0, 2 ** weightBits - 1];
  if (weightKind === 'power')
    return [-powerOf(mostCode(weightBits)), powerOf(mostCode(weightBits))];
  return [-(2 ** (weightBits - 1)), 2 ** (weightBits - 1) - 1];
}

const mostCode = (bits: number) => 2 ** (bits - 1) - 1;

/** What a code of powers stands for. */
const powerOf = (code: number) => (code === 0 ? 0 : Math.sign(code) * 2 ** (Math.abs(code) - 1));

/** Random weights that the numbers can have. */
export function randomWeights(count: number, numbers: Numbers, next: () => number): Int32Array {
  const { weightKind, weightBits } = numbers;
  if (weightKind !== 'power')
    return randomIntegers(count, rangeOfWeights(numbers), next, weightKind === 'bipolar');
  const most = mostCode(weightBits);
  return randomIntegers(count, [-most, most], next).map(powerOf);
}

/** Random integers of a range, the ends more often than the rest; of bipolar weights only them. */
export function randomIntegers(
  count: number,
  [least, most]: readonly [number, number],
  next: () => number,
  bipolar = false,
): Int32Array {
  return Int32Array.from({ length: count }, () => {
    const draw = next();
    if (bipolar) return draw < 0.5 ? least : most;
    if (draw < 0.1) return least;
    if (draw < 0.2) return most;
    return least + Math.floor(next() * (most - least + 1));
  });
}

/** Weights in disk form: element i at bit i * bits of the string, without gaps. */
export function onDisk(values: Int32Array, { weightKind, weightBits }: Numbers): Uint8Array {
  if (weightBits === 8) return Uint8Array.from(values);
  const bytes = new Uint8Array(Math.ceil((values.length * weightBits) / 8));
  values.forEach((value, i) => {
    const code =
      weightKind === 'power' && value !== 0
        ? Math.sign(value) * (Math.log2(Math.abs(value)) + 1)
        : value;
    const bits = weightKind === 'bipolar' ? Number(value < 0) : code & (2 ** weightBits - 1);
    for (let b = 0; b < weightBits; b++) {
      const at = i * weightBits + b;
      if ((bits >> b) & 1) bytes[at >> 3]! |= 1 << (at & 7);
    }
  });
  return bytes;
}

export interface IntegerLayer {
  readonly shape: IntegerShape;
  readonly numbers: Numbers;
  readonly x: Int32Array;
  readonly weights: Int32Array;
}

/** A layer of random numbers. */
export function randomLayer(
  shape: IntegerShape,
  numbers: Numbers,
  next: () => number,
): IntegerLayer {
  const { n, h, w, c, o, kh, kw, g } = shape;
  return {
    shape,
    numbers,
    x: randomIntegers(n * h * w * c, rangeOfX(numbers), next),
    weights: randomWeights((o * kh * kw * c) / g, numbers, next),
  };
}

/** The fields that say which numbers a layer has. */
export const numberFields = ({ xSigned, xBits, weightKind, weightBits, zero }: Numbers) => ({
  xSigned: Number(xSigned),
  xBits,
  weightBits,
  weightKind: WEIGHT_KINDS.indexOf(weightKind),
  zero,
});

/** The instruction with its sums as the result; `other` replaces buffers or adds to them. */
export function caseOf(
  opcode: 'qconv' | 'qdwconv',
  { shape, numbers, x, weights }: IntegerLayer,
  other: Partial<Case> = {},
): Case {
  const { o, g, ...rest } = fieldsOf(shape);
  const sums = shape.n * rest.oh * rest.ow * o;
  const ends: Case['buffers'] =
    other.epilogue === undefined ? { y: { result: new Int32Array(sums) } } : {};
  return {
    opcode,
    ...other,
    fields: {
      ...rest,
      zeros: -1,
      ...(opcode === 'qconv' && { o, g, method: 0, few: -1, scales: -1 }),
      ...numberFields(numbers),
      ...(other.epilogue !== undefined && { y: -1 }),
      ...other.fields,
    },
    buffers: {
      x: { feed: Int8Array.from(x) },
      weights: { weights: onDisk(weights, numbers) },
      ...ends,
      ...other.buffers,
    },
  };
}

/** The definition. Sums are exact, as all integers below 2^53 are. */
export function sumsOf({ shape, numbers, x, weights }: IntegerLayer): Int32Array {
  const { n, h, w, c, o, g, kh, kw, sh, sw, dh, dw, pt, pl } = shape;
  const { oh, ow } = fieldsOf(shape);
  const depth = c / g;
  const sums = new Int32Array(n * oh * ow * o);
  let at = 0;
  for (let image = 0; image < n; image++)
    for (let p = 0; p < oh; p++)
      for (let q = 0; q < ow; q++)
        for (let channel = 0; channel < o; channel++) {
          const first = Math.floor(channel / (o / g)) * depth;
          let sum = 0;
          for (let i = 0; i < kh; i++)
            for (let j = 0; j < kw; j++) {
              const r = p * sh + i * dh - pt;
              const s = q * sw + j * dw - pl;
              if (r < 0 || r >= h || s < 0 || s >= w) continue;
              for (let k = 0; k < depth; k++)
                sum +=
                  (x[((image * h + r) * w + s) * c + first + k]! - numbers.zero) *
                  weights[((channel * kh + i) * kw + j) * depth + k]!;
            }
          sums[at++] = sum;
        }
  return sums;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray) =>
  Buffer.from(buffer, byteOffset, byteLength);

/**
 * Expects the same array, kind and bits. Bytes are compared first: going through elements takes
 * most of a test's time under an emulator.
 */
export function expectSame(
  found: NodeJS.TypedArray | undefined,
  expected: NodeJS.TypedArray,
  title: string,
) {
  const same =
    found?.constructor === expected.constructor && bytesOf(found).equals(bytesOf(expected));
  if (!same) expect(found, title).toEqual(expected);
  expect(same, title).toBe(true);
}

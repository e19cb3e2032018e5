/**
 * The kinds of values that attributes take, each as a check and the words an error says. Not here:
 * which op has which attribute.
 */
import { DTYPES, type DType, type Integer, isInteger } from '../core/dtype.js';
import { MAX_NAME } from '../core/limits.js';
import { isSize } from '../core/shape.js';
import type { Attrs } from '../graph/value.js';

export interface AttributeRule<T = unknown> {
  /** Completes the sentence "expected <attribute> to be ...". */
  readonly expects: string;
  accepts(value: unknown): value is T;
  /** The value is a list of sizes, which may be symbols until a run begins. */
  readonly sizes?: true;
  /** A node may lack the attribute. */
  readonly optional?: true;
}

export type AttributeRules<A extends Attrs> = { readonly [K in keyof A]-?: AttributeRule<A[K]> };

/** [height, width] */
export type Pair = readonly [number, number];
/** [top, left, bottom, right] */
export type Sides = readonly [number, number, number, number];

function rule<T>(expects: string, accepts: (value: unknown) => boolean): AttributeRule<T> {
  return { expects, accepts: (value): value is T => accepts(value) };
}

function sizes(
  expects: string,
  accepts: (value: unknown) => boolean,
): AttributeRule<readonly (number | string)[]> {
  return { ...rule<readonly (number | string)[]>(expects, accepts), sizes: true };
}

function isTuple(value: unknown, length: number, least: number): boolean {
  return (
    Array.isArray(value) &&
    value.length === length &&
    value.every((item) => isSize(item) && item >= least)
  );
}

export const isBoolean: AttributeRule<boolean> = rule(
  'true or false',
  (value) => typeof value === 'boolean',
);
export const isIndex: AttributeRule<number> = rule('a whole number >= 0', isSize);
export const isPositive: AttributeRule<number> = rule(
  'a whole number >= 1',
  (value) => isSize(value) && value >= 1,
);
/** Finite as the float32 that a kernel gets. */
export const isReal: AttributeRule<number> = rule(
  'a finite float32 number',
  (value) => typeof value === 'number' && Number.isFinite(Math.fround(value)),
);
/** Also +-Infinity, for bounds that do not bind. */
export const isBound: AttributeRule<number> = rule(
  'a number that is not NaN',
  (value) => typeof value === 'number' && !Number.isNaN(value),
);
export const isIndexes: AttributeRule<readonly number[]> = rule(
  'a list of whole numbers >= 0',
  (value) => Array.isArray(value) && value.every(isSize),
);
export const isPositivePair: AttributeRule<Pair> = rule(
  '[height, width] of whole numbers >= 1',
  (value) => isTuple(value, 2, 1),
);
export const isSides: AttributeRule<Sides> = rule(
  '[top, left, bottom, right] of whole numbers >= 0',
  (value) => isTuple(value, 4, 0),
);
export const isDims: AttributeRule<readonly (number | string)[]> = sizes(
  'a list of sizes and symbols',
  (value) => Array.isArray(value) && value.every((dim) => isSize(dim) || isSymbol(dim)),
);

/** True for the name of a size that is known only when a run begins. */
export function isSymbol(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME;
}

export function isOneOf<const T extends string | number>(
  ...values: readonly T[]
): AttributeRule<T> {
  const words = values.map((value) => JSON.stringify(value)).join(', ');
  return rule(`one of ${words}`, (value) => values.includes(value as T));
}

/** An integer of 8 bits, signed or not; absent it is 0. */
export const isZeroPoint: AttributeRule<number | undefined> & { readonly optional: true } = {
  ...rule<number | undefined>(
    'a whole number from -128 to 255',
    (value) => Number.isInteger(value) && (value as number) >= -128 && (value as number) <= 255,
  ),
  optional: true,
};

/** Integers of 8 bits, signed or not; absent they are 0. */
export const isZeroPoints: AttributeRule<readonly number[] | undefined> & {
  readonly optional: true;
} = {
  ...rule<readonly number[] | undefined>(
    'a list of whole numbers from -128 to 255',
    (value) => Array.isArray(value) && value.every((zero) => isZeroPoint.accepts(zero)),
  ),
  optional: true,
};

/** Every dtype but b1. */
export const isNumeric: AttributeRule<'f32' | Integer> = rule(
  'f32 or a dtype of integers',
  (value) =>
    typeof value === 'string' &&
    Object.hasOwn(DTYPES, value) &&
    (value === 'f32' || isInteger(value as DType)),
);

/** Like isDims, but one entry may be -1: the size that makes the element counts agree. */
export const isDimsOrRest: AttributeRule<readonly (number | string)[]> = sizes(
  'a list of sizes and symbols, at most one of them -1',
  (value) =>
    Array.isArray(value) &&
    value.every((dim) => dim === -1 || isSize(dim) || isSymbol(dim)) &&
    value.filter((dim) => dim === -1).length <= 1,
);

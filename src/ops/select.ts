/**
 * The larger and the smaller of two numbers as every kernel selects them. All keep the first of two
 * zeros, where Math.max and Math.min order -0 below 0.
 *
 * `larger` and `smaller` are one ordered comparison, false where a number is NaN, and then keep the
 * first operand: for bounds, which are never NaN, and for windows, where NaN never wins.
 * `maximum` and `minimum` give NaN where either number is NaN, as ONNX and numpy do.
 */

// biome-ignore lint/complexity/useMathMinMax: see above
export const larger = (a: number, b: number): number => (a < b ? b : a);
// biome-ignore lint/complexity/useMathMinMax: see above
export const smaller = (a: number, b: number): number => (b < a ? b : a);

export const maximum = (a: number, b: number): number => (Number.isNaN(b) ? b : larger(a, b));
export const minimum = (a: number, b: number): number => (Number.isNaN(b) ? b : smaller(a, b));

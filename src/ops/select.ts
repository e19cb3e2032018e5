/**
 * The larger and the smaller of two numbers as every kernel selects them: one ordered comparison, and the first operand where it is false.
 * Math.max and Math.min differ: they make NaN of a NaN in either operand, and order -0 below 0.
 */

// biome-ignore lint/complexity/useMathMinMax: see above
export const larger = (a: number, b: number): number => (a < b ? b : a);
// biome-ignore lint/complexity/useMathMinMax: see above
export const smaller = (a: number, b: number): number => (b < a ? b : a);

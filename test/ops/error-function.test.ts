/**
 * erf in double precision against values of tables. Not here: the op, and what kernels compute.
 */
import { expect, test } from 'vitest';
import { errorFunction } from '../../src/ops/error-function.js';

test.each([
  [0, 0],
  [1e-300, 1.1283791670955126e-300],
  [0.1, 0.1124629160182849],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [2, 0.9953222650189527],
  [3, 0.9999779095030014],
  [5, 0.9999999999984626],
  [6, 1],
  [Infinity, 1],
])('erf(±%d) is ±%d within 1e-15', (x, wanted) => {
  expect(Math.abs(errorFunction(x) - wanted)).toBeLessThanOrEqual(1e-15 * wanted);
  expect(errorFunction(-x)).toBe(-errorFunction(x));
});

test('NaN stays NaN, and zero keeps its sign', () => {
  expect(errorFunction(NaN)).toBeNaN();
  expect(errorFunction(-0)).toBe(-0);
});

/**
 * Compares a one-instruction program on every instruction set of this machine with the native
 * oracle. Not here: running one (./harness.ts).
 */
import { expect } from 'vitest';
import { type Case, runCase, testedIsas } from './harness.js';

export const bitBytes = (pixels: number, channels: number) => pixels * Math.ceil(channels / 64) * 8;

/** Each result of each instruction set, threads 1 and 3, equals the oracle's; NaN equals NaN. */
export async function agrees(make: Case, tolerance?: Float32Array) {
  const expected = await runCase(make, 'reference');
  for (const isa of testedIsas()) {
    for (const threads of [1, 3]) {
      const found = await runCase(make, isa, threads);
      for (const [name, values] of Object.entries(expected)) {
        const got = found[name] as NodeJS.TypedArray;
        const wrong = Array.from(values as ArrayLike<number>).findIndex((value, i) => {
          const other = got[i] as number;
          return tolerance
            ? !(Math.abs(other - value) <= (tolerance[i] as number))
            : !Object.is(other, value);
        });
        const at =
          wrong < 0
            ? 'equal'
            : `${isa} threads ${threads} ${name}[${wrong}]: ${got[wrong]}, not ${values[wrong]}`;
        expect(at).toBe('equal');
      }
    }
  }
}

/**
 * NaN, infinities, both zeros, subnormal numbers, and numbers around halves and limits of integers.
 */
const SPECIAL = [
  0,
  -0,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  1e-40,
  -1e-40,
  3e38,
  0.5,
  1.5,
  -2.5,
  0.49999997,
  -0.49999997,
  2 ** 23 - 0.5,
  0.5 - 2 ** 23,
  2 ** 23 + 1,
  2 ** 31,
  -(2 ** 31),
];
/** Ordinary numbers, every fifth of them special. */
export const specials = (count: number, next: () => number) =>
  Float32Array.from({ length: count }, () =>
    next() < 0.2 ? (SPECIAL[Math.floor(next() * SPECIAL.length)] as number) : (next() - 0.5) * 8,
  );

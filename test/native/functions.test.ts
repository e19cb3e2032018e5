/**
 * exp, log, erf, tanh and sigmoid in the executor against the same functions in double precision,
 * over their whole ranges: the oracle of the epilogue shares their code, so ./epilogue.test.ts
 * cannot see a fault in it. Bounds are those of native/simd/math.h.
 */
import { describe, expect, test } from 'vitest';
import { errorFunction } from '../../src/ops/error-function.js';
import { type Case, runCase, testedIsas } from './harness.js';

const SMALLEST = 2 ** -149;
/** The distance between float32 numbers beside |y|. */
const ulp = (y: number) => Math.max(SMALLEST, 2 ** (Math.floor(Math.log2(Math.abs(y))) - 23));

/** Float32 numbers of both signs over all exponents, many where a function turns or ends. */
function samples(): Float32Array {
  const values = [
    0,
    -0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    3.4e38,
    -3.4e38,
    SMALLEST,
    -SMALLEST,
  ];
  for (let exponent = -149; exponent < 128; exponent++)
    for (let i = 0; i < 40; i++) values.push((1 + i / 40) * 2 ** exponent);
  for (let i = 0; i < 30000; i++) values.push((i / 30000) * 140);
  // exp leaves the range of floats at 88.72 and the normal numbers at -87.34, and is 0 from -103.97
  // on.
  for (const edge of [
    0.625, 0.9375, 1e-4, 3.9, 4, 44.36, 87, 87.34, 88, 88.72, 89, 103.28, 103.97, 104, 105,
  ])
    for (let i = -300; i <= 300; i++) values.push(edge + i * 2 ** -14 * edge);
  return Float32Array.from(values.flatMap((value) => [value, -value]));
}

const FUNCTIONS = [
  { op: 'exp', exact: Math.exp, most: 1 },
  { op: 'log', exact: Math.log, most: 1 },
  { op: 'erf', exact: errorFunction, most: 1.5 },
  { op: 'tanh', exact: Math.tanh, most: 1.5 },
  {
    op: 'sigmoid',
    exact: (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
    most: 2.5,
  },
];

describe.each(FUNCTIONS)(
  '$op is within $most units in the last place of the true value',
  ({ op, exact, most }) => {
    const x = samples();
    const make: Case = {
      opcode: 'map',
      fields: { dtype: 0, n: 1, hw: x.length, c: 1 },
      buffers: { x: { feed: x }, y: { result: new Float32Array(x.length) } },
      epilogue: [{ op }, { op: 'store_f32', kind: 'tensor', operand: 'y' }],
    };
    test.each(['reference' as const, ...testedIsas()])('%s', async (isa) => {
      const y = (await runCase(make, isa)).y as Float32Array;
      let worst = { units: 0, at: '' };
      for (const [i, argument] of x.entries()) {
        const want = exact(argument);
        const got = y[i] as number;
        // Equal covers infinities, and both zeros; a true value beyond the floats is infinite, or
        // the largest float where it rounds to that.
        const rounded = Math.fround(want);
        if (Object.is(got, rounded) || got === rounded) continue;
        const units = Math.abs(got - want) / ulp(want);
        if (!(units <= worst.units))
          worst = { units, at: `${op}(${argument}) = ${got}, not ${want}` };
        if (Number.isNaN(units)) break;
      }
      expect(worst.units, worst.at).toBeLessThanOrEqual(most);
    });
  },
);

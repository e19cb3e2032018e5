import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Attrs } from '../../src/graph/value.js';
import { OPS, type OpName } from '../../src/ops/index.js';
import { constant, input, make } from '../../src/ops/make.js';
import type { OpDef } from '../../src/ops/op.js';
import { valueRange } from '../../src/passes/value-range.js';
import { f32, failure, inferred } from './nodes.js';

/** The formula of an op; attributes as in the default of the op. */
function formula(op: OpName, attrs = {}): (...operands: number[]) => number {
  const scalar = (OPS[op] as OpDef).scalar?.(attrs);
  if (scalar === undefined) throw new Error(`${op} has no scalar`);
  return scalar;
}

const NAN = Number.NaN;
const INF = Number.POSITIVE_INFINITY;
const floats = fc.float({ noDefaultInfinity: true, noNaN: true });

describe('shapes', () => {
  test('broadcast as in numpy, symbols only with themselves and 1', () => {
    expect(inferred('add', ['f32[N,3,1]', 'f32[5]'])).toBe('f32[N,3,5]');
    expect(inferred('mul', ['f32[N,M]', 'f32[1,M]'])).toBe('f32[N,M]');
    expect(inferred('sub', ['f32[]', 'f32[0,1]'])).toBe('f32[0,1]');
    expect(inferred('gate', ['f32[N,3,1]', 'f32[5]'], { min: 0, max: 1 })).toBe('f32[N,3,5]');
    expect(failure(() => inferred('add', ['f32[N,3]', 'f32[M,3]']))).toBe(
      'ERR_SHAPE add "node": expected shapes that broadcast together but received [N, 3] ' +
        'and [M, 3]',
    );
    expect(failure(() => inferred('add', ['f32[2]', 'f32[3]']))).toMatch(/^ERR_SHAPE/);
    expect(failure(() => inferred('add', ['f32[N]', 'f32[2]']))).toMatch(/^ERR_SHAPE/);
  });

  test('there is no implicit conversion', () => {
    expect(failure(() => inferred('add', ['i32[2]', 'f32[2]']))).toMatch(
      /^ERR_DTYPE add "node": expected a of dtype f32/,
    );
    expect(failure(() => inferred('relu', ['b1[2]']))).toMatch(/^ERR_DTYPE relu/);
    expect(failure(() => inferred('prelu', ['f32[2]', 'i32[2]']))).toMatch(
      /expected slope of dtype f32/,
    );
  });
});

describe('formulas', () => {
  test('round after every operation', () => {
    fc.assert(
      fc.property(floats, floats, (a, b) => {
        expect(formula('add')(a, b)).toBe(Math.fround(a + b));
        expect(formula('sub')(a, b)).toBe(Math.fround(a - b));
        expect(formula('mul')(a, b)).toBe(Math.fround(a * b));
        expect(formula('prelu')(a, b)).toBe(a < 0 ? Math.fround(a * b) : a);
        expect(formula('leakyRelu', { alpha: 0.1 })(a)).toBe(
          a < 0 ? Math.fround(a * Math.fround(0.1)) : a,
        );
      }),
    );
  });

  test('select as the kernels do: the first of two zeros, and NaN where either operand is', () => {
    expect(formula('relu')(-1)).toBe(0);
    expect(formula('relu')(-0)).toBe(-0);
    expect(formula('prelu')(0, -1)).toBe(0);
    expect(formula('leakyRelu', { alpha: -1 })(0)).toBe(0);
    expect(formula('relu')(NAN)).toBe(NAN);
    expect(formula('max')(NAN, 1)).toBe(NAN);
    expect(formula('max')(1, NAN)).toBe(NAN);
    expect(formula('max')(-0, 0)).toBe(-0);
    expect(formula('max')(1, 2)).toBe(2);
    expect(formula('min')(1, NAN)).toBe(NAN);
    expect(formula('min')(NAN, 1)).toBe(NAN);
    expect(formula('min')(0, -0)).toBe(0);
    expect(formula('min')(1, -2)).toBe(-2);
    const clip = formula('clip', { min: -1, max: 1 });
    expect([-2, -1, 0.5, 2].map((x) => clip(x))).toEqual([-1, -1, 0.5, 1]);
    expect(clip(NAN)).toBe(NAN);
    expect(formula('clip', { min: -INF, max: INF })(5)).toBe(5);
    // Crossed bounds: the lower one is asked first.
    expect([0, 3].map((x) => formula('clip', { min: 2, max: 1 })(x))).toEqual([2, 1]);
  });

  test('a gate lets through between its bounds and nothing else, NaN included', () => {
    const gate = formula('gate', { min: -1, max: 0.1 });
    const bounds = [-1.5, -1, -0, Math.fround(0.1), 0.2, INF, NAN];
    expect(bounds.map((x) => gate(7, x))).toEqual([0, 7, 7, 7, 0, 0, 0]);
    expect([-0, NAN, -INF].map((value) => gate(value, 0))).toEqual([-0, NAN, -INF]);
    expect([-0, NAN, INF].map((value) => gate(value, 1))).toEqual([0, 0, 0]);
    // What relu lets through: everything above zero, subnormal numbers too.
    const positive = formula('gate', { min: 2 ** -149, max: INF });
    expect([-0, 0, 2 ** -149, INF].map((y) => positive(3, y))).toEqual([0, 0, 3, 3]);
    expect(formula('gate', { min: -INF, max: INF })(3, NAN)).toBe(0);
    expect(formula('gate', { min: 1, max: -1 })(3, 0)).toBe(0);
  });

  test('a gate adds 0 to the numbers that its value holds', () => {
    const whole = input('x', 'u2', [3]);
    const value = make(
      'gate',
      'g',
      [
        make('add', 's', [
          make('cast', 'c', [whole], { to: 'f32' }),
          constant('one', f32([1], [1])),
        ]),
        input('y', 'f32', [3]),
      ],
      { min: 0, max: 1 },
    );
    expect(valueRange(value)).toEqual({ origin: 1, step: 1, lo: 0, hi: 4 });
  });

  test('round goes half to even and keeps the sign of zero', () => {
    const cases = [
      [0.5, 0],
      [1.5, 2],
      [2.5, 2],
      [3.5, 4],
      [-0.5, -0],
      [-1.5, -2],
      [-2.5, -2],
      [-0.3, -0],
      [0.49999997, 0],
      [8388607.5, 8388608],
      [-8388606.5, -8388606],
      [16777216, 16777216],
      [INF, INF],
      [NAN, NAN],
    ] as const;
    for (const [x, rounded] of cases) expect(formula('round')(x), String(x)).toBe(rounded);
  });

  test('signum keeps zero and NaN', () => {
    expect([-3, -0, 0, 2].map((x) => formula('signum')(x))).toEqual([-1, -0, 0, 1]);
    expect(formula('signum')(NAN)).toBe(NAN);
  });

  test('functions', () => {
    expect(formula('sigmoid')(0)).toBe(0.5);
    expect(formula('sigmoid')(-1000)).toBe(0);
    expect(formula('tanh')(INF)).toBe(1);
    expect([0, 1, -INF].map((x) => formula('erf')(x))).toEqual([
      0,
      Math.fround(0.8427007929497149),
      -1,
    ]);
    expect(formula('erf')(NAN)).toBe(NAN);
    expect(formula('exp')(1)).toBe(Math.fround(Math.E));
    expect(formula('log')(0)).toBe(-INF);
    expect(formula('sqrt')(2)).toBe(Math.fround(Math.SQRT2));
    expect(formula('sqrt')(-1)).toBe(NAN);
    expect(formula('pow')(2, 0.5)).toBe(Math.fround(Math.SQRT2));
    expect([-1.5, 1.5].map((x) => formula('floor')(x))).toEqual([-2, 1]);
    expect([-1.5, 1.5].map((x) => formula('ceil')(x))).toEqual([-1, 2]);
    expect(formula('neg')(0)).toBe(-0);
    expect(formula('abs')(-0)).toBe(0);
    expect(formula('div')(1, 3)).toBe(Math.fround(1 / 3));
  });
});

describe('what an op says of itself', () => {
  const elementwise: readonly (readonly [string, OpDef, Attrs])[] = Object.entries(OPS)
    .filter(([, def]) => 'scalar' in def)
    .flatMap(([name, def]): [string, OpDef, Attrs][] => {
      if (name === 'leakyRelu')
        return [-0.5, 0, 0.25].map((alpha) => [`${name} ${alpha}`, def as OpDef, { alpha }]);
      if (name === 'clip' || name === 'gate')
        return [
          [-1, 1],
          [1, -1],
        ].map(([min, max]) => [`${name} ${min} ${max}`, def as OpDef, { min, max }]);
      return [[name, def as OpDef, {}]];
    });

  test.each(elementwise)('%s never turns back where it claims to be monotone', (_, def, attrs) => {
    const op = def.scalar?.(attrs);
    if (def.monotone === undefined || op === undefined) throw new Error('no claim');
    for (const moving of def.operands.keys()) {
      fc.assert(
        fc.property(floats, floats, floats, floats, (first, second, third, still) => {
          if (!def.monotone?.(attrs, moving, Float32Array.of(still))) return;
          const [low, between, high] = [first, second, third]
            .sort((one, other) => one - other)
            .map((x) => (moving === 0 ? op(x, still) : op(still, x))) as [number, number, number];
          const rises = low <= between && between <= high;
          expect(rises || (low >= between && between >= high)).toBe(true);
        }),
      );
    }
  });

  test('what turns back claims nothing', () => {
    expect(OPS.clip.monotone({ min: 1, max: -1 })).toBe(false);
    expect(OPS.leakyRelu.monotone({ alpha: -0.1 })).toBe(false);
    expect(OPS.div.monotone({}, 1, Float32Array.of(1))).toBe(false);
    expect(OPS.div.monotone({}, 0, Float32Array.of(3, -0))).toBe(false);
    expect(OPS.div.monotone({}, 0, Float32Array.of(3, -2))).toBe(true);
    expect(OPS.prelu.monotone({}, 0, Float32Array.of(0.5, -0.5))).toBe(false);
    expect(OPS.prelu.monotone({}, 0, Float32Array.of(0.5, 0))).toBe(true);
    expect(OPS.abs.monotone()).toBe(false);
  });

  test('a step that no native epilogue has would fail only at a run', () => {
    const header = readFileSync(
      new URL('../../native/kernels/epilogue/epilogue.h', import.meta.url),
      'utf8',
    );
    const steps = new Set([...header.matchAll(/\bX\((\w+), [01]\)/g)].map((match) => match[1]));
    expect(steps.size).toBeGreaterThan(20);
    const attrs = { alpha: 1, min: 0, max: 1, scale: 1, bias: 0 };
    for (const def of Object.values(OPS) as OpDef[]) {
      const form = def.step?.(attrs);
      for (const name of [form?.op, form?.reversed])
        if (name !== undefined) expect(steps, def.name).toContain(name);
    }
  });
});

/**
 * cumsum, order, take, takeAlong, integerBinary, remainder, products and C's functions: their shape
 * rules, and sessions against the ops' own oracles. Not here: kernels alone
 * (test/native/lines.test.ts).
 */
import { describe, expect, test } from 'vitest';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { INTEGER_KINDS } from '../../src/ops/integer-binary.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from '../formats/interpret.js';
import { random } from '../random.js';
import { failure, inferred } from './nodes.js';

const next = random(11);
const floats = (shape: readonly number[]) =>
  new Tensor(
    'f32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      Math.fround(Math.round((next() - 0.5) * 40) / 4),
    ),
    shape,
  );
const ints = (shape: readonly number[], most = 12) =>
  new Tensor(
    'i32',
    Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      Math.round((next() - 0.5) * 2 * most),
    ),
    shape,
  );

type Make = (g: GraphBuilder, x: Value<'f32'>, n: Value<'i32'>) => Readonly<Record<string, Value>>;

/** x f32[3,5,4] and n i32[3,5,4], fed: the session gives the bits of the oracle. */
async function same(make: Make, tolerance = 0): Promise<void> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [3, 5, 4]);
  const n = g.input('n', 'i32', [3, 5, 4]);
  const graph = g.graph([x, n], make(g, x, n));
  const feeds = { x: floats([3, 5, 4]), n: ints([3, 5, 4]) };
  const wanted = interpret(graph, feeds);
  const session = GraphSession.fromGraph(graph, { threads: 1 });
  const results = await session.run(feeds);
  await session.release();
  for (const [name, target] of Object.entries(wanted)) {
    const y = results[name]!;
    expect([y.dtype, ...y.shape], name).toEqual([target.dtype, ...target.shape]);
    if (tolerance === 0) expect(y.data, name).toEqual(target.data);
    else
      y.data.forEach((value, i) => {
        const number = target.data[i]!;
        if (Number.isNaN(number)) expect(value, name).toBeNaN();
        else expect(Math.abs(value - number)).toBeLessThanOrEqual(tolerance * Math.abs(number));
      });
  }
}

describe('a session gives what the oracle says', () => {
  test('of sums along lines, and products', () =>
    same((g, x, n) => ({
      a: g.cumsum(x, 0),
      b: g.cumsum(x, 1, { exclusive: true }),
      c: g.cumsum(n, 2, { reverse: true }),
      d: g.reduce(n, 'sum', [0, 2]),
      e: g.reduce(n, 'product', [1], { keepDims: true }),
      f: g.reduce(n, 'max', [2]),
      h: g.reduce(n, 'min', [0, 1, 2]),
      i: g.reduce(x, 'product', [2]),
      j: g.relu(g.cumsum(g.relu(x), 1)),
    })));

  test('of places, and what stands there', () =>
    same((g, x, n) => {
      const [most, least] = [g.order(x, 1), g.order(n, 0, { largest: false, last: true })];
      const three = g.order(g.neg(x), 1, { count: 3 });
      const list = g.constant(new Tensor('i32', Int32Array.of(2, -1, 7, 0), [4]));
      return {
        most,
        least,
        three,
        a: g.takeAlong(x, three, 1),
        b: g.takeAlong(n, g.integerBinary('add', most, most), 1),
        c: g.take(x, list, 2),
        d: g.take(g.cast(x, 'i8'), list, 0),
        f: g.take(x, g.order(g.slice(n, [0, 0, 0], [1, 5, 2]), 1), 1),
        e: g.take(x, g.reshape(g.slice(n, [0, 0, 0], [1, 1, 4]), [4]), 1),
      };
    }));

  test.each(INTEGER_KINDS)('of integers: %s', (kind) =>
    same((g, _x, n) => ({
      a: g.integerBinary(kind, n, g.constant(ints([4]))),
      b: g.integerBinary(kind, g.slice(n, [0, 0, 0], [3, 1, 4]), g.integerBinary('mul', n, n)),
      c: g.integerBinary(kind, n, g.constant(ints([3, 1, 1], 2 ** 31 - 1))),
    })),
  );

  test('of the functions of the library', () =>
    same(
      (g, x) => ({
        a: g.sin(x),
        b: g.mul(g.cos(g.relu(x)), 2),
        c: g.atan(x),
        d: g.asinh(g.sin(x)),
        e: g.acosh(x),
        f: g.remainder(x, g.add(g.abs(g.slice(x, [0, 0, 0], [3, 1, 4])), 1)),
      }),
      2 ** -22,
    ));
});

test('NaN is the first of every order', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [4]);
  const graph = g.graph([x], {
    up: g.order(x, 0, { count: 4, largest: false }),
    most: g.order(x, 0, { last: true }),
  });
  const feeds = { x: new Tensor('f32', Float32Array.of(3, Number.NaN, 1, Number.NaN), [4]) };
  const session = GraphSession.fromGraph(graph, { threads: 1 });
  const { up, most } = await session.run(feeds);
  await session.release();
  expect([...up!.data]).toEqual([1, 3, 2, 0]);
  expect([...most!.data]).toEqual([3]);
  const oracle = interpret(graph, feeds);
  expect([[...oracle.up!.data], [...oracle.most!.data]]).toEqual([[1, 3, 2, 0], [3]]);
});

test('shape rules', () => {
  expect(inferred('cumsum', ['i32[N,4]'], { axis: 0, exclusive: false, reverse: false })).toBe(
    'i32[N,4]',
  );
  const order = { axis: 1, count: 2, largest: true, last: false };
  expect(inferred('order', ['f32[N,4]'], order)).toBe('i32[N,2]');
  expect(inferred('take', ['u8[N,4]', 'i32[3]'], { axis: 1 })).toBe('u8[N,3]');
  expect(inferred('take', ['f32[7,4]', 'i32[N,2]'], { axis: 0 })).toBe('f32[N,2,4]');
  expect(inferred('take', ['f32[7,4]', 'i32[]'], { axis: 0 })).toBe('f32[4]');
  expect(inferred('takeAlong', ['f32[N,4]', 'i32[N,9]'], { axis: 1 })).toBe('f32[N,9]');
  expect(inferred('integerBinary', ['i32[N,1]', 'i32[5]'], { kind: 'less' })).toBe('i32[N,5]');
  const bad: [string, string[], Record<string, unknown>, RegExp][] = [
    ['order', ['f32[N,4]'], { ...order, count: 5 }, /at least 5 elements along axis 1/],
    ['order', ['f32[N,4]'], { ...order, axis: 0 }, /axis 0 of x to be a number, not a symbol/],
    ['order', ['i8[N,4]'], order, /x of dtype f32 or i32/],
    ['take', ['b1[N,4]', 'i32[2]'], { axis: 1 }, /any dtype but b1/],
    ['take', ['f32[N,0]', 'i32[2]'], { axis: 1 }, /elements along axis 1/],
    ['takeAlong', ['f32[N,4]', 'i32[2,4]'], { axis: 1 }, /indices that agree with x, \[N, 4\]/],
    ['takeAlong', ['f32[N,4]', 'f32[N,4]'], { axis: 1 }, /indices of dtype i32/],
    ['integerBinary', ['i32[2]', 'f32[2]'], { kind: 'add' }, /b of dtype i32/],
    ['reduce', ['i32[2]'], { kind: 'mean', axes: [0], keepDims: true }, /dtype f32 for the mean/],
  ];
  for (const [op, inputs, attrs, message] of bad)
    expect(failure(() => inferred(op, inputs, attrs))).toMatch(message);
});

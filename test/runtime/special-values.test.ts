/**
 * NaN, infinities, zeros of either sign, subnormal and huge numbers: every instruction set gives
 * the bits of the ops' own formulas.
 */
import { expect, test } from 'vitest';
import type { Value } from '../../src/graph/value.js';
import { supportedIsas } from '../../src/native/isa.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';

type Float = Value<'f32'>;
type Results = Record<string, Value>;

const { NaN: NAN, POSITIVE_INFINITY: INF } = Number;
const SPECIAL = [
  ...[
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    NAN,
    INF,
    -INF,
    1e-45,
    -1e-45,
    1e-38,
    3.4e38,
    -3.4e38,
  ],
  ...[8388607.5, 8388609, 16777217, 2147483648, -2147483648, 2147483520, 4294967296],
];
/** Every pair of them. */
const LEFT = Float32Array.from(SPECIAL.flatMap((a) => SPECIAL.map(() => a)));
const RIGHT = Float32Array.from(SPECIAL.flatMap(() => SPECIAL));
// Few channels, one, and so many that vectors are full.
const SHAPES = [
  [1, LEFT.length],
  [LEFT.length, 1],
  [2, LEFT.length / 4, 2],
];

const CASES: Record<string, (g: GraphBuilder, x: Float, y: Float) => Results> = {
  unary: (g, x) =>
    Object.fromEntries(
      (['relu', 'abs', 'neg', 'sqrt', 'floor', 'ceil', 'round', 'signum'] as const).map((op) => [
        op,
        g[op](x),
      ]),
    ),
  'of two operands': (g, x, y) =>
    Object.fromEntries(
      (['add', 'sub', 'mul', 'div', 'max', 'min', 'prelu'] as const).map((op) => [op, g[op](x, y)]),
    ),
  'of a constant': (g, x) => {
    const count = x.shape.at(-1) as number;
    const c = g.constant(new Tensor('f32', RIGHT.slice(0, count), [count]));
    return Object.fromEntries(
      (['add', 'sub', 'mul', 'div', 'max', 'min', 'prelu'] as const).flatMap((op) => [
        [`${op} c`, g[op](x, c)],
        [`c ${op}`, g[op](c, x)],
      ]),
    );
  },
  'with attributes': (g, x) => ({
    leaky: g.leakyRelu(x, { alpha: 0.1 }),
    inner: g.clip(x, -1, 2),
    below: g.clip(x, -INF, 0),
    above: g.clip(x, -0, INF),
  }),
  gates: (g, x, y) => {
    const count = x.shape.at(-1) as number;
    const c = g.constant(new Tensor('f32', RIGHT.slice(0, count), [count]));
    const open = { min: 1e-45, max: INF };
    return {
      ...{ value: g.gate(x, y, open), reversed: g.gate(y, x, { min: -INF, max: 0.5 }) },
      ...{ 'value c': g.gate(c, x, { min: -1, max: 1 }), 'x c': g.gate(x, c, open) },
      ...{ number: g.gate(3, x, open), itself: g.gate(x, x, open) },
      all: g.gate(x, y, { min: -INF, max: INF }),
    };
  },
  'signs and casts': (g, x, y) => ({
    sign: g.sign(x),
    sum: g.sign(g.add(x, y)),
    product: g.cast(g.sign(g.mul(x, y)), 'f32'),
    whole: g.cast(x, 'i32'),
    back: g.cast(g.cast(x, 'i32'), 'f32'),
  }),
  multiThreshold: (g, x) => {
    const thresholds = g.constant(
      new Tensor('f32', Float32Array.of(-INF, -1, 0, 1, 2.5, INF), [1, 6]),
    );
    return { levels: g.multiThreshold(x, thresholds, { scale: 0.1, bias: -0.3 }) };
  },
  extrema: (g, x, y) => ({
    max: g.reduce(x, 'max', [x.shape.length - 1]),
    min: g.reduce(x, 'min', [0]),
    pooled: g.maxPool2d(g.reshape(g.concat([x, y], 0), [1, 2, LEFT.length / 2, 2]), [2, 2]),
  }),
};

test('Max and Min give NaN where either operand is NaN, for every reader', async () => {
  // What numpy and onnxruntime give.
  const a = [NAN, 7, NAN, -2.5, 1, 1];
  const b = [10, NAN, NAN, 9, 1, 0];
  const larger = [NAN, NAN, NAN, 9, 1, 1];
  const smaller = [NAN, NAN, NAN, -2.5, 1, 0];
  const tensor = (numbers: number[], shape: number[]) =>
    new Tensor('f32', Float32Array.from(numbers), shape);
  const g = new GraphBuilder();
  const [x, y, column] = [
    g.input('x', 'f32', [6]),
    g.input('y', 'f32', [6]),
    g.input('column', 'f32', [6, 1]),
  ];
  const constant = g.constant(tensor(b, [6]));
  const graph = g.graph([x, y, column], {
    max: g.max(x, y),
    min: g.min(x, y),
    'max of a constant': g.max(x, constant),
    'min of a constant': g.min(constant, x),
    'max of a row and a column': g.max(x, column),
    'max of three': g.max(g.max(x, 0), y),
    relu: g.relu(x),
  });
  for (const isa of supportedIsas()) {
    const session = GraphSession.fromGraph(graph, { isa: isa as Isa });
    const results = await session.run({
      x: tensor(a, [6]),
      y: tensor(b, [6]),
      column: tensor(b, [6, 1]),
    });
    const found = Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, [...data]]),
    );
    expect(found.max).toEqual(larger);
    expect(found.min).toEqual(smaller);
    expect(found['max of a constant']).toEqual(larger);
    expect(found['min of a constant']).toEqual(smaller);
    expect(found['max of a row and a column']!.slice(6, 12)).toEqual(new Array(6).fill(NAN));
    expect(found['max of three']).toEqual([NAN, NAN, NAN, 9, 1, 1]);
    expect(found.relu).toEqual([NAN, 7, NAN, 0, 1, 1]);
    await session.release();
  }
});

/** Bits, but that a NaN is a NaN and zeros that took part in a maximum may be either. */
function same(a: number, b: number, zeros: boolean): boolean {
  return Object.is(a, b) || (zeros && a === b);
}

test.each(Object.entries(CASES))('%s', async (name, results) => {
  for (const shape of SHAPES) {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', shape);
    const y = g.input('y', 'f32', shape);
    const graph = g.graph([x, y], results(g, x, y));
    const feeds = { x: new Tensor('f32', LEFT, shape), y: new Tensor('f32', RIGHT, shape) };
    const want = evaluateGraph(graph, feeds);
    for (const isa of supportedIsas() as Isa[]) {
      for (const optimize of [true, false]) {
        const got = await GraphSession.fromGraph(graph, { isa, optimize, threads: 1 }).run(feeds);
        for (const [key, { data }] of Object.entries(want)) {
          const wrong = Array.from(data).findIndex(
            (value, i) => !same(got[key]?.data[i] as number, value, name === 'extrema'),
          );
          expect(
            wrong,
            `${key} on ${isa}: ${got[key]?.data[wrong]}, not ${data[wrong]}, ` +
              `of ${LEFT[wrong]} and ${RIGHT[wrong]}`,
          ).toBe(-1);
        }
      }
    }
  }
});

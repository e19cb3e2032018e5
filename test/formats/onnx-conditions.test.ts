/** Comparisons, logic and Where of computed values, and binarizations written with them. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { Session } from '../../src/formats/session.js';
import { topological } from '../../src/graph/value.js';
import { supportedIsas } from '../../src/native/isa.js';
import { optimize } from '../../src/passes/index.js';
import type { Isa } from '../../src/runtime/session-types.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { expectAgreement, fileOf, node, type OpCase } from './onnx-cases.js';
import { floats, type NodeSpec } from './onnx-encoder.js';

const COMPARISONS = ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'];
/** A number of the ramp, so that it is met exactly. */
const BOUND = 0.75;
const scalars = { t: floats([], [BOUND]), zero: floats([], [0]), one: floats([], [1]) };
const minus = { minus: floats([], [-1]) };

const asFloats = (op: string, inputs: string[], what: string, initializers: object): OpCase => ({
  what: `${op} with ${what}`,
  nodes: [node(op, inputs, 'c'), node('Cast', ['c'], 'y', { to: 1 })],
  opset: 16,
  initializers: initializers as NonNullable<OpCase['initializers']>,
});

const cases: OpCase[] = [
  ...COMPARISONS.flatMap((op) => [
    asFloats(op, ['x', 't'], 'a number', scalars),
    asFloats(op, ['t', 'x'], 'a number before', scalars),
    asFloats(op, ['x', 'v'], 'a number a column', {
      v: floats([6], [0, 0.25, -0.5, Infinity, -Infinity, 1]),
    }),
    asFloats(op, ['x', 'i'], 'infinity', { i: floats([], [Infinity]) }),
  ]),
  {
    what: 'logic of two comparisons, negated',
    nodes: [
      node('Less', ['x', 't'], 'a'),
      node('Greater', ['x', 'zero'], 'b'),
      node('And', ['a', 'b'], 'within'),
      node('Or', ['a', 'b'], 'some'),
      node('Xor', ['a', 'b'], 'one_of'),
      node('Not', ['within'], 'outside'),
      node('Where', ['outside', 'x', 't'], 'first'),
      node('Where', ['some', 'first', 'zero'], 'second'),
      node('Where', ['one_of', 'second', 'x'], 'y'),
    ],
    initializers: scalars,
  },
  {
    what: 'Where with what must not be computed with',
    nodes: [
      node('Less', ['x', 'zero'], 'c'),
      node('Log', ['x'], 'log'),
      node('Where', ['c', 'x', 'log'], 'y'),
    ],
    initializers: scalars,
  },
  {
    what: 'truth of a float',
    nodes: [node('Cast', ['x'], 'c', { to: 9 }), node('Where', ['c', 'one', 't'], 'y')],
    initializers: scalars,
  },
  {
    what: 'IsNaN',
    nodes: [
      node('Log', ['x'], 'log'),
      node('IsNaN', ['log'], 'c'),
      node('Where', ['c', 'x', 'log'], 'y'),
    ],
    initializers: scalars,
  },
];

test.each(cases)('$what: as onnxruntime', async (c) => {
  await expectAgreement(c);
});

/** Nodes from x to c, which is +1 or -1. */
const BINARIZATIONS: Readonly<Record<string, readonly NodeSpec[]>> = {
  ...Object.fromEntries(
    COMPARISONS.slice(1).flatMap((op) =>
      ['zero', 't'].map((bound) => [
        `where(${op} ${bound}, 1, -1)`,
        [node(op, ['x', bound], 'b'), node('Where', ['b', 'one', 'minus'], 'c')],
      ]),
    ),
  ),
  'where(Less 0, -1, 1)': [
    node('Less', ['x', 'zero'], 'b'),
    node('Where', ['b', 'minus', 'one'], 'c'),
  ],
  '(x >= 0).float() * 2 - 1': [
    node('GreaterOrEqual', ['x', 'zero'], 'b'),
    node('Cast', ['b'], 'f', { to: 1 }),
    node('Mul', ['f', 'two'], 'd'),
    node('Sub', ['d', 'one'], 'c'),
  ],
  '2 * not(x < 0) - 1': [
    node('Less', ['x', 'zero'], 'l'),
    node('Not', ['l'], 'b'),
    node('Cast', ['b'], 'f', { to: 1 }),
    node('Mul', ['two', 'f'], 'd'),
    node('Add', ['d', 'minus'], 'c'),
  ],
  '1 - 2 * (x > 0)': [
    node('Greater', ['x', 'zero'], 'b'),
    node('Cast', ['b'], 'f', { to: 1 }),
    node('Mul', ['f', 'two'], 'd'),
    node('Sub', ['one', 'd'], 'c'),
  ],
};

describe('binarizations that people write', () => {
  const [N, C] = [3, 40];
  const signs = Array.from({ length: 24 * C }, (_, i) => ((i * 29) % 7 < 3 ? 1 : -1));
  const file = (nodes: readonly NodeSpec[]) =>
    fileOf({
      nodes: [...nodes, node('Gemm', ['c', 'w'], 'y', { transB: 1 })],
      inputs: { x: ['N', C] },
      initializers: { ...scalars, ...minus, two: floats([], [2]), w: floats([24, C], signs) },
      opset: 16,
    });
  const edges = [0, -0, 2 ** -149, -(2 ** -149), BOUND, Infinity, -Infinity];
  const neighbours = [Math.fround(BOUND - 2 ** -24), Math.fround(BOUND + 2 ** -24)];
  const x = Float32Array.from({ length: N * C }, (_, i) =>
    i < 9 ? [...edges, ...neighbours][i]! : (((i * 7) % 23) - 11) * 0.25,
  );

  test.each(Object.entries(BINARIZATIONS))(
    '%s runs in bits, as onnxruntime',
    async (_what, nodes) => {
      const bytes = file(nodes);
      const ort = await InferenceSession.create(bytes, {
        logSeverityLevel: 4,
        intraOpNumThreads: 1,
      });
      const wanted = (await ort.run({ x: new OrtTensor('float32', x, [N, C]) })).y!.data;
      await ort.release();
      const products = topological(optimize(importOnnx(bytes))).filter(({ op }) => op === 'dense');
      expect(products.map(({ inputs }) => inputs.map(({ dtype }) => dtype))).toEqual([
        ['b1', 'b1'],
      ]);
      for (const isa of supportedIsas() as Isa[])
        for (const optimizing of [true, false]) {
          const session = Session.fromGraph(importOnnx(bytes), { isa, optimize: optimizing });
          const { y } = await session.run({ x: new Tensor('f32', x, [N, C]) } as never);
          expect([...(y as unknown as Tensor).data]).toEqual([...(wanted as Float32Array)]);
          await session.release();
        }
    },
  );
});

test('what cannot be compared is refused by name', () => {
  const refused = (nodes: NodeSpec[]) => () =>
    importOnnx(fileOf({ nodes, inputs: { x: [2, 4] }, initializers: scalars, opset: 16 }));
  expect(refused([node('Less', ['x', 'zero'], 'c'), node('Relu', ['c'], 'y')])).toThrow(
    /Relu "y": expected input 0 to be float but received truth values, which a Cast makes floats/,
  );
  expect(refused([node('Not', ['x'], 'c'), node('Cast', ['c'], 'y', { to: 1 })])).toThrow(
    /Not "c": expected input 0 to be truth values/,
  );
});

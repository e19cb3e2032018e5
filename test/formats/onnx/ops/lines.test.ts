/**
 * Ops along lines, and of integers and truth values that a run computes, in sessions against
 * onnxruntime. Not here: the ops of the graph alone (test/ops/lines.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../../../src/formats/onnx/import.js';
import { Session } from '../../../../src/formats/session.js';
import { fileOf, node, oneNode, ramp } from '../../onnx-cases.js';
import { type AttributeSpec, floats, int64s, type TensorSpec } from '../../onnx-encoder.js';
import { expectOrt, feed, TYPE } from '../../onnx-sessions.js';

const shape = [3, 4, 5];
const x = feed('f32', shape, ramp(60));
/** Integers from -11 to 11. */
const n = feed('i64', shape, ramp(60, 1));
const one = (
  op: string,
  inputs: readonly string[],
  attributes: Record<string, AttributeSpec> = {},
  initializers: Record<string, TensorSpec> = {},
  opset = 17,
) => ({ nodes: [node(op, inputs, 'y', attributes)], initializers, opset });
const scalar = (value: number): TensorSpec => ({ dims: [], int64s: [value] });
const cast = (from: string, to: number, output = 'y') => node('Cast', [from], output, { to });

describe('as onnxruntime', () => {
  test.each(['ArgMax', 'ArgMin'])('%s, of floats and of integers', async (op) => {
    for (const attributes of [
      {},
      { axis: -1, keepdims: 0 },
      { axis: 1, select_last_index: 1 },
    ] as Record<string, number>[]) {
      await expectOrt(one(op, ['x'], attributes), { x }, { y: 'i64' });
      const integers = feed('i32', shape, ramp(60, 1));
      await expectOrt(one(op, ['x'], attributes), { x: integers }, { y: 'i64' });
    }
  });

  test('TopK of any axis, largest and smallest', async () => {
    // Equal numbers may stand in any order, so all differ.
    const data = Array.from({ length: 60 }, (_, i) => ((i * 37) % 60) / 4);
    for (const attributes of [{}, { axis: 0, largest: 0 }, { axis: 1 }] as Record<string, number>[])
      await expectOrt(
        {
          nodes: [{ op: 'TopK', inputs: ['x', 'k'], outputs: ['v', 'i'], attributes }],
          initializers: { k: int64s(2) },
        },
        { x: feed('f32', shape, data) },
        { v: 'f32', i: 'i64' },
      );
  });

  test('CumSum of floats and integers, both ways', async () => {
    for (const attributes of [{}, { exclusive: 1 }, { reverse: 1 }] as Record<string, number>[])
      for (const axis of [0, -1]) {
        const of = one('CumSum', ['x', 'a'], attributes, { a: scalar(axis) });
        await expectOrt(of, { x });
        await expectOrt(of, { x: n }, { y: 'i64' });
      }
  });

  test('Gather and GatherElements at places that a run computes', async () => {
    const at = feed('i64', [2, 3], [0, -1, 2, 1, -3, 0]);
    await expectOrt(one('Gather', ['x', 'i'], { axis: 2 }), { x, i: at });
    await expectOrt(one('Gather', ['x', 'i'], { axis: 0 }), { x: n, i: at }, { y: 'i64' });
    const each = feed(
      'i64',
      [2, 7, 5],
      Array.from({ length: 70 }, (_, i) => ((i * 3) % 8) - 4),
    );
    await expectOrt(one('GatherElements', ['x', 'i'], { axis: 1 }), { x, i: each });
    const table = floats([6, 2], ramp(12));
    await expectOrt(one('Gather', ['t', 'i'], {}, { t: table }), { i: at });
  });

  test('ScatterND at places of the file, with and without a reduction', async () => {
    const i: TensorSpec = { dims: [4, 1], int64s: [2, 0, -1, 2] };
    for (const reduction of ['none', 'add', 'mul', 'max', 'min'])
      await expectOrt(one('ScatterND', ['x', 'i', 'u'], { reduction }, { i }, 18), {
        x,
        u: feed('f32', [4, 4, 5], ramp(80, 0.5)),
      });
    const pairs: TensorSpec = { dims: [2, 2], int64s: [0, 3, 1, -4] };
    await expectOrt(
      one('ScatterND', ['x', 'i', 'u'], {}, { i: pairs }),
      { x: n, u: feed('i64', [2, 5], ramp(10, 1)) },
      { y: 'i64' },
    );
  });

  test('OneHot of any axis, of floats and integers', async () => {
    const at = feed('i64', [2, 3], [0, 3, -1, 2, 9, 1]);
    const values = floats([2], [-0.5, 2.25]);
    for (const axis of [-1, 0, 1])
      await expectOrt(one('OneHot', ['i', 'd', 'v'], { axis }, { d: scalar(4), v: values }), {
        i: at,
      });
    await expectOrt(
      one('OneHot', ['i', 'd', 'v'], {}, { d: scalar(4), v: int64s(7, -3) }),
      { i: at },
      { y: 'i64' },
    );
  });

  test('arithmetic of integers, wrapping at their own width', async () => {
    const b = feed('i64', [5], [3, -2, 7, 1, -5]);
    for (const op of ['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Max', 'Min'])
      await expectOrt(one(op, ['x', 'b']), { x: n, b }, { y: 'i64' });
    await expectOrt(one('Mod', ['x', 'b'], { fmod: 1 }), { x: n, b }, { y: 'i64' });
    const bytes = feed('u8', [6], [200, 3, 255, 0, 17, 99]);
    const more = feed('u8', [6], [100, 200, 2, 5, 16, 98]);
    for (const op of ['Add', 'Sub', 'Mul', 'Div'])
      await expectOrt(one(op, ['x', 'b']), { x: bytes, b: more }, { y: 'u8' });
    for (const op of ['Neg', 'Abs', 'Sign'])
      await expectOrt(one(op, ['x']), { x: n }, { y: 'i64' });
    const some = { lo: scalar(-3), hi: scalar(5) };
    await expectOrt(one('Clip', ['x', 'lo', 'hi'], {}, some), { x: n }, { y: 'i64' });
    for (const op of ['ReduceSum', 'ReduceProd', 'ReduceMax', 'ReduceMin'])
      await expectOrt(
        one(op, ['x'], { keepdims: 0 }, {}, 12),
        { x: feed('i32', [2, 3], [1, -2, 3, 4, 5, -6]) },
        { y: 'i32' },
      );
  });

  test('comparisons, logic and choices of integers and truth values', async () => {
    const b = feed('i64', [5], [3, -2, 7, 1, -5]);
    for (const op of ['Equal', 'Greater', 'Less', 'GreaterOrEqual', 'LessOrEqual'])
      await expectOrt(one(op, ['x', 'b']), { x: n, b }, { y: 'bool' });
    const [p, q] = [
      feed('bool', [4], [0, 1, 0, 1]),
      feed('bool', [2, 4], [0, 0, 1, 1, 1, 0, 1, 0]),
    ];
    for (const op of ['And', 'Or', 'Xor', 'Equal'])
      await expectOrt(one(op, ['p', 'q']), { p, q }, { y: 'bool' });
    await expectOrt(one('Not', ['p']), { p }, { y: 'bool' });
    await expectOrt(
      one('Where', ['p', 'a', 'b']),
      { p, a: feed('i64', [4], [1, 2, 3, 4]), b: feed('i64', [1], [-9]) },
      { y: 'i64' },
    );
    await expectOrt(
      { nodes: [node('Transpose', ['q'], 't'), node('Concat', ['t', 't'], 'y', { axis: 1 })] },
      { q },
      { y: 'bool' },
    );
  });

  test('casts between all of them', async () => {
    await expectOrt({ nodes: [cast('x', TYPE.bool)] }, { x: n }, { y: 'bool' });
    await expectOrt({ nodes: [cast('x', TYPE.f32)] }, { x: n });
    await expectOrt({ nodes: [cast('x', TYPE.i64)] }, { x }, { y: 'i64' });
    await expectOrt(
      { nodes: [cast('p', TYPE.i64)] },
      { p: feed('bool', [2], [1, 0]) },
      { y: 'i64' },
    );
    await expectOrt(one('CastLike', ['x', 'b']), { x, b: feed('i32', [1], [0]) }, { y: 'i32' });
  });

  test('integers keep their low bits in a narrower type', async () => {
    const wide = [0, 127, 128, 255, 256, -1, -128, -129, 70000, -70000];
    for (const kind of ['i32', 'i64'] as const)
      for (const to of ['u8', 'i8'] as const)
        await expectOrt({ nodes: [cast('w', TYPE[to])] }, { w: feed(kind, [10], wide) }, { y: to });
    const bytes = feed('u8', [4], [0, 127, 128, 255]);
    await expectOrt({ nodes: [cast('b', TYPE.i8)] }, { b: bytes }, { y: 'i8' });
    const signed = feed('i8', [4], [0, 127, -128, -1]);
    await expectOrt({ nodes: [cast('s', TYPE.u8)] }, { s: signed }, { y: 'u8' });
  });

  test('Pow, Mod, Clip with bounds that a run computes, Slice backwards', async () => {
    const b = feed('f32', [5], [1.5, -2, 7, 0.25, -5]);
    await expectOrt(one('Mod', ['x', 'b'], { fmod: 1 }), { x, b });
    await expectOrt(one('Pow', ['x', 'e'], {}, { e: int64s(0, 1, 2, 3, -1) }), { x });
    const bounds = { lo: feed('f32', [], [-1]), hi: feed('f32', [], [0.5]) };
    await expectOrt(one('Clip', ['x', 'lo', 'hi']), { x, ...bounds });
    await expectOrt(
      one(
        'Slice',
        ['x', 's', 'e', 'a', 't'],
        {},
        {
          s: int64s(-1, 3),
          e: int64s(-99, 0),
          a: int64s(0, 2),
          t: int64s(-1, -2),
        },
      ),
      { x },
    );
    for (const op of ['Sin', 'Cos', 'Tan', 'Atan', 'Sinh', 'Asinh'])
      await expectOrt(one(op, ['x']), { x });
  });
});

test('a BigInt64Array is fed where it fits in 32 bits', async () => {
  const file = fileOf({
    nodes: [node('Neg', ['x'], 'y')],
    inputs: { x: ['N', 2] },
    inputType: TYPE.i64,
    outputType: TYPE.i64,
  });
  const session = await Session.create(file, { threads: 1 });
  const { y } = await session.run({ x: BigInt64Array.of(3n, -4n) });
  expect([...y!.data]).toEqual([-3, 4]);
  await expect(session.run({ x: BigInt64Array.of(1n, 2n ** 31n) })).rejects.toMatchObject({
    code: 'ERR_FEED',
    message: 'run "x": expected integers of 32 bits but received "2147483648"',
  });
  await session.release();
});

test('the mask of Dropout keeps all', async () => {
  const graph = importOnnx(
    fileOf({
      nodes: [{ op: 'Dropout', inputs: ['x'], outputs: ['y', 'm'] }],
      inputs: { x: ['N', 4] },
      outputs: { y: undefined, m: undefined },
    }),
  );
  expect(graph.outputs['m']).toMatchObject({ dtype: 'u8', shape: ['N', 4] });
});

test.each([
  ['OneHot', { d: scalar(0), v: floats([2], [0, 1]) }, /a depth of 1 or more but received 0/],
  ['ScatterND', { i: { dims: [1, 1], int64s: [9] }, u: floats([1, 4], [1, 2, 3, 4]) }, /an axis/],
  ['TopK', { k: int64s(5) }, /at least 5 elements along axis 1/],
  ['Mod', { b: floats([4], [1, 2, 3, 4]) }, /fmod = 1 for floats/],
  ['CumSum', { a: scalar(2) }, /an axis of a value of rank 2 but received 2/],
  ['GatherElements', { i: { dims: [2, 9], int64s: new Array(18).fill(0) } }, /slice/],
] as [string, Record<string, TensorSpec>, RegExp][])(
  '%s with operands that do not fit is refused by name',
  (op, constants, message) => {
    expect(() => importOnnx(fileOf(oneNode(op, [2, 4], constants)))).toThrow(message);
  },
);

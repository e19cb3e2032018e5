/**
 * RNN, GRU, LSTM, Einsum, products of matrices, If and batch statistics in sessions against
 * onnxruntime.
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../../../src/formats/onnx/import.js';
import { Session } from '../../../../src/formats/session.js';
import { Tensor } from '../../../../src/tensor/tensor.js';
import { fileOf, node, ramp } from '../../onnx-cases.js';
import { type AttributeSpec, floats, int64s, type TensorSpec } from '../../onnx-encoder.js';
import { expectOrt, feed } from '../../onnx-sessions.js';

const [T, N, I, H] = [5, 2, 3, 4];
const GATES = { RNN: 1, GRU: 3, LSTM: 4 } as const;
type Kind = keyof typeof GATES;

/** Small weights, so that no gate saturates. */
const weights = (dims: readonly number[], step: number) =>
  floats(
    dims,
    ramp(
      dims.reduce((a, b) => a * b, 1),
      step,
    ),
  );

function network(
  op: Kind,
  attributes: Record<string, AttributeSpec>,
  more: Record<string, TensorSpec> = {},
) {
  const gates = GATES[op];
  const d = attributes['direction'] === 'bidirectional' ? 2 : 1;
  const initializers: Record<string, TensorSpec> = {
    w: weights([d, gates * H, I], 0.03),
    r: weights([d, gates * H, H], 0.05),
    b: weights([d, 2 * gates * H], 0.02),
    ...more,
  };
  const known = op === 'LSTM' ? ['lengths', 'h0', 'c0', 'p'] : ['lengths', 'h0'];
  const optional = known.map((name) => (name in more ? name : ''));
  const outputs = ['y', 'yh', ...(op === 'LSTM' ? ['yc'] : [])];
  const inputs = ['x', 'w', 'r', 'b', ...optional];
  return {
    nodes: [{ op, inputs, outputs, attributes: { hidden_size: H, ...attributes } }],
    initializers,
  };
}
const x = feed('f32', [T, N, I], ramp(T * N * I, 0.1));
const outputsOf = (op: Kind) =>
  ({ y: 'f32', yh: 'f32', ...(op === 'LSTM' && { yc: 'f32' }) }) as Record<string, 'f32'>;

describe.each(['RNN', 'GRU', 'LSTM'] as const)('%s as onnxruntime', (op) => {
  test.each(['forward', 'reverse', 'bidirectional'])('%s', async (direction) => {
    const d = direction === 'bidirectional' ? 2 : 1;
    const state = { h0: weights([d, N, H], 0.07) };
    const states = op === 'LSTM' ? { ...state, c0: weights([d, N, H], 0.06) } : state;
    await expectOrt(network(op, { direction }, states), { x }, outputsOf(op));
    await expectOrt(network(op, { direction }), { x }, outputsOf(op));
  });

  test('lengths of its sequences, which a run may compute', async () => {
    const lengths: TensorSpec = { dims: [N], int32s: [T, 2] };
    await expectOrt(network(op, {}, { lengths }), { x }, outputsOf(op));
  });
});

test('peepholes, a clip, and the reset after the product', async () => {
  await expectOrt(network('LSTM', {}, { p: weights([1, 3 * H], 0.04) }), { x }, outputsOf('LSTM'));
  await expectOrt(network('LSTM', { clip: { float: 0.1 } }), { x }, outputsOf('LSTM'));
  await expectOrt(network('GRU', { linear_before_reset: 1 }), { x }, outputsOf('GRU'));
  const activations = { activations: { texts: ['Relu'] } };
  await expectOrt(network('RNN', activations), { x }, outputsOf('RNN'));
});

test('a recurrent network that cannot be unrolled is refused by name', () => {
  const file = (attributes: Record<string, AttributeSpec>, shape: (number | string)[]) =>
    fileOf({ ...network('GRU', attributes), inputs: { x: shape } });
  expect(() => importOnnx(file({ activations: { texts: ['Affine', 'Tanh'] } }, [T, N, I]))).toThrow(
    /activations Tanh, Sigmoid, Relu, Softsign or HardSigmoid but received "Affine"/,
  );
  expect(() => importOnnx(file({ direction: 'up' }, [T, N, I]))).toThrow(/forward, reverse or/);
  expect(() => importOnnx(file({ hidden_size: 3 }, [T, N, I]))).toThrow(
    /a hidden_size of 4 but received 3/,
  );
});

test('an error names the first output that has a name', () => {
  const [gru] = network('GRU', { direction: 'up' }).nodes;
  const nodes = [{ ...gru!, outputs: ['', 'yh'] }];
  const { initializers } = network('GRU', {});
  const file = fileOf({
    nodes,
    initializers,
    inputs: { x: [T, N, I] },
    outputs: { yh: undefined },
  });
  expect(() => importOnnx(file)).toThrow(/^GRU "yh": expected forward/);
});

test('a sequence of any length is unrolled at the length of each run', async () => {
  const session = await Session.create(
    fileOf({ ...network('GRU', {}), inputs: { x: ['T', 'batch', I] } }),
  );
  expect(session.inputMetadata[0]?.shape).toEqual(['T', 'batch', I]);
  const long = new Float32Array(ramp(T * N * I, 0.1));
  const whole = await session.run({ x: new Tensor('f32', long, [T, N, I]) });
  const part = await session.run({ x: new Tensor('f32', long.slice(0, 2 * N * I), [2, N, I]) });
  expect(whole.y?.shape).toEqual([T, 1, N, H]);
  expect([...part.y!.data]).toEqual([...whole.y!.data.slice(0, 2 * N * H)]);
  await session.release();
});

describe('products of matrices, both of which a run computes', () => {
  const a = feed('f32', [2, 3, 4, 5], ramp(120));
  const shapes: [readonly number[], readonly number[]][] = [
    [
      [2, 3, 4, 5],
      [2, 3, 5, 6],
    ],
    [
      [2, 3, 4, 5],
      [3, 5, 1],
    ],
    [
      [4, 5],
      [2, 5, 7],
    ],
    [[5], [2, 5, 3]],
    [[2, 4, 5], [5]],
    [
      [2, 1, 1],
      [1, 1, 3],
    ],
  ];
  test.each(shapes)('%j times %j', async (left, right) => {
    const size = (dims: readonly number[]) => dims.reduce((p, dim) => p * dim, 1);
    await expectOrt(
      { nodes: [node('MatMul', ['a', 'b'], 'y')] },
      { a: feed('f32', left, ramp(size(left))), b: feed('f32', right, ramp(size(right), 0.5)) },
    );
  });

  test.each(['bhik,bhjk->bhij', 'bhik,hkj->bihj', 'bhij->bjhi', 'bhij->b', '...ij,...kj->...ik'])(
    'Einsum %s',
    async (equation) => {
      const two = equation.includes(',');
      const b = feed('f32', equation.includes('hkj') ? [3, 5, 2] : [2, 3, 4, 5], []);
      const data = ramp(
        b.shape.reduce((p, dim) => p * dim, 1),
        0.5,
      );
      await expectOrt(
        { nodes: [node('Einsum', two ? ['a', 'b'] : ['a'], 'y', { equation })] },
        { a, ...(two && { b: { ...b, data } }) },
      );
    },
  );

  test('over a batch of unknown size', () => {
    const graph = importOnnx(
      fileOf({
        nodes: [
          node('MatMul', ['x', 't'], 'y'),
          node('Transpose', ['x'], 't', { perm: [0, 2, 1] }),
        ],
        inputs: { x: ['N', 3, 4] },
      }),
    );
    expect(graph.outputs['y']!.shape).toEqual(['N', 3, 3]);
  });

  test.each([
    ['ii->i', /each letter once in a term/],
    ['ij,jk', /an input number 1 but received none/],
    ['ij->k', /a result of letters of the operands/],
    ['ij->ji->ij', /at most one arrow/],
    ['ijk->i', /a letter for each axis of input 0/],
  ])('Einsum %s is refused', (equation, message) => {
    const nodes = [node('Einsum', ['x'], 'y', { equation })];
    expect(() => importOnnx(fileOf({ nodes, inputs: { x: [3, 3] } }))).toThrow(message);
  });
});

describe('If', () => {
  const branch = (op: string): AttributeSpec => ({
    graph: { nodes: [node(op, ['h'], `${op}_of`)], outputs: { [`${op}_of`]: undefined } },
  });
  const nodes = (condition: string) => [
    node('If', [condition], 'y', { then_branch: branch('Neg'), else_branch: branch('Exp') }),
    // Behind the If in the file, and read inside of it only.
    node('Tanh', ['x'], 'h'),
  ];
  test.each([0, 1])('takes the branch that the file decides: %i', (value) =>
    expectOrt(
      {
        nodes: nodes('c'),
        initializers: { c: { dims: [], dataType: 9, bytes: Uint8Array.of(value) } },
      },
      { x: feed('f32', [4], [1, 2, -3, 0.5]) },
    ),
  );
  test('and refuses what a run would decide', () => {
    const file = fileOf({
      nodes: nodes('c'),
      inputs: { x: [4], c: [] },
      inputTypes: { c: 9 },
    });
    expect(() => importOnnx(file)).toThrow(/a condition that is known when the file is read/);
  });
  test('and what its branch does not know', () => {
    const c: TensorSpec = { dims: [], dataType: 9, bytes: Uint8Array.of(1) };
    const of = (op: string, input: string) =>
      fileOf({
        nodes: [
          node('If', ['c'], 'y', {
            then_branch: { graph: { nodes: [node(op, [input], 'z')], outputs: { z: undefined } } },
          }),
        ],
        initializers: { c },
      });
    expect(() => importOnnx(of('Det', 'x'))).toThrow(/unknown ops: Det/);
    expect(() => importOnnx(of('Neg', 'nowhere'))).toThrow(/"nowhere" is not defined anywhere/);
  });
  test('and a branch that gives a name of the graph around it to another value', () => {
    const file = fileOf({
      nodes: [
        node('Neg', ['x'], 'z'),
        node('If', ['c'], 'w', {
          then_branch: { graph: { nodes: [node('Exp', ['x'], 'z')], outputs: { z: undefined } } },
        }),
        node('Add', ['w', 'z'], 'y'),
      ],
      initializers: { c: { dims: [], dataType: 9, bytes: Uint8Array.of(1) } },
    });
    expect(() => importOnnx(file)).toThrow(/its name "z" is one of the graph around it/);
  });
});

test('batch statistics, and the running ones', async () => {
  const c = 3;
  const initializers = {
    s: weights([c], 0.3),
    b: weights([c], 0.2),
    m: weights([c], 0.1),
    v: floats([c], [1, 2, 0.5]),
  };
  await expectOrt(
    {
      nodes: [
        {
          op: 'BatchNormalization',
          inputs: ['x', 's', 'b', 'm', 'v'],
          outputs: ['y', 'mean', 'var'],
          attributes: { training_mode: 1, momentum: { float: 0.75 } },
        },
      ],
      initializers,
      opset: 15,
    },
    { x: feed('f32', [2, c, 4, 5], ramp(120)) },
    { y: 'f32', mean: 'f32', var: 'f32' },
    1e-5,
  );
});

test.each([1, 2, 3])('LpPool of p = %i', async (p) => {
  for (const attributes of [
    { kernel_shape: [2, 3], strides: [2, 2] },
    { kernel_shape: [3, 3], pads: [1, 0, 1, 2], dilations: [1, 2] },
    { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' },
  ] as Record<string, AttributeSpec>[])
    await expectOrt(
      { nodes: [node('LpPool', ['x'], 'y', { p, ...attributes })], opset: 18 },
      { x: feed('f32', [2, 3, 7, 8], ramp(336)) },
      { y: 'f32' },
      1e-5,
    );
});

test('Resize crops as TensorFlow does', async () => {
  for (const mode of ['linear', 'nearest'])
    await expectOrt(
      {
        nodes: [
          node('Resize', ['x', 'roi', '', 'sizes'], 'y', {
            mode,
            coordinate_transformation_mode: 'tf_crop_and_resize',
            extrapolation_value: { float: 10 },
          }),
        ],
        initializers: {
          roi: floats([8], [0, 0, 0.4, 0.6, 1, 1, 1.2, 0.9]),
          sizes: int64s(1, 1, 3, 3),
        },
      },
      { x: feed('f32', [1, 1, 4, 4], ramp(16)) },
    );
});

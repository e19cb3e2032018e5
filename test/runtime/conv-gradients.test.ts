/**
 * Gradients of convolutions in sessions: the values of their definitions, over states that a run
 * packs, over bits, with what follows them in their epilogue. Not here: the kernels
 * (test/native/gradients.test.ts).
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { Shape } from '../../src/core/shape.js';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { supportedIsas } from '../../src/native/isa.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { canonicalize, optimize } from '../../src/passes/index.js';
import { partsOf } from '../../src/runtime/lower/conv2d-weight-gradient.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import { fuse } from '../../src/schedule/fuse.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { Numbers } from '../passes/fixtures.js';

const isas = supportedIsas().filter((isa) => (process.env.BITPLANE_ISA ?? isa) === isa) as Isa[];
const open: GraphSession[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.release();
});

/** Every number is whole and small, so that sums are exact in any order. */
async function agrees(graph: Graph, feeds: Readonly<Record<string, Tensor>>) {
  const wanted = evaluateGraph(graph, feeds);
  for (const isa of isas) {
    for (const made of [canonicalize(graph), optimize(graph)]) {
      for (const threads of [1, 2]) {
        const session = GraphSession.fromGraph(made, { isa, threads });
        open.push(session);
        const found = (await session.run(feeds)) as Record<string, Tensor>;
        for (const [name, { data, shape }] of Object.entries(wanted)) {
          expect(found[name]!.shape, name).toEqual(shape);
          expect(Buffer.compare(bytes(found[name]!.data), bytes(data)), `${isa} ${name}`).toBe(0);
        }
      }
    }
  }
}
const bytes = (data: NodeJS.TypedArray) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const SIZES = [
  { channels: 5, outputs: 12, stride: 1 },
  { channels: 16, outputs: 16, stride: 2 },
] as const;

/** Both gradients of a layer of 9 x 8 pixels over a state, and what a step adds to them. */
function layer(
  { channels, outputs, stride }: (typeof SIZES)[number],
  binary: boolean,
  batch: number | 'N' = 'N',
) {
  const n = new Numbers(3);
  const g = new GraphBuilder();
  const options = { strides: [stride, stride], pads: [1, 1, 1, 1] } as const;
  const map: Shape = [batch, 9, 8, channels];
  const x = g.input('x', 'f32', map);
  const dy = g.input('dy', 'f32', [batch, Math.ceil(9 / stride), 8 / stride, outputs]);
  const other = g.input('other', 'f32', map);
  const w = g.state(n.integers([outputs, 3, 3, channels]), { name: 'w' });
  const signs = (value: Value<'f32'>) => g.mul(g.cast(g.sign(value), 'f32'), 2);
  const dx = g.conv2dInputGradient(dy, binary ? signs(w) : w, {
    ...options,
    height: 9,
    width: 8,
  });
  const kept = binary ? signs(x) : x;
  const dw = g.conv2dWeightGradient(dy, kept, { ...options, kernel: [3, 3] });
  return g.graph([x, dy, other], { dx: g.relu(g.add(dx, other)), dw: g.sub(w, dw) });
}

function feedsOf({ channels, outputs, stride }: (typeof SIZES)[number], batch: number) {
  const n = new Numbers(9);
  return {
    x: n.integers([batch, 9, 8, channels]),
    dy: n.integers([batch, Math.ceil(9 / stride), 8 / stride, outputs]),
    other: n.integers([batch, 9, 8, channels]),
  };
}

describe.each(SIZES)('$channels to $outputs channels, stride $stride', (size) => {
  test.each([1, 5])('batch %i: gradients over a state differ from their definition', (batch) =>
    agrees(layer(size, false), feedsOf(size, batch)),
  );
  test('gradients over bits differ from their definition', () =>
    agrees(layer(size, true), feedsOf(size, 3)));
});

test('a sum and a ReLU behind the input gradient are a call of their own', () => {
  const graph = bind(optimize(layer(SIZES[0], false)), { N: 2 });
  const calls = fuse(graph);
  const gradient = calls.find(({ anchor }) => anchor.op === 'conv2dInputGradient');
  expect(gradient?.epilogue.map(({ value, kind }) => `${kind} ${value.op}`)).toEqual([
    'op add',
    'op relu',
    'store relu',
  ]);
});

test('bits are made floats before the gradients read them', () => {
  const graph = optimize(layer(SIZES[1], true));
  const ops = topological(graph);
  for (const op of ['conv2dInputGradient', 'conv2dWeightGradient'])
    expect(ops.find((value) => value.op === op)?.inputs[1]?.dtype).toBe('b1');
  expect(ops.filter((value) => value.op === 'cast')).toEqual([]);
});

test('a gradient in many parts differs from its definition', async () => {
  expect([partsOf(5 * 64 * 64, 48), partsOf(100, 48), partsOf(1 << 30, 4 << 20)]).toEqual([
    5, 1, 1,
  ]);
  const n = new Numbers(2);
  const g = new GraphBuilder();
  const [x, dy] = [g.input('x', 'f32', ['N', 64, 64, 3]), g.input('dy', 'f32', ['N', 64, 64, 16])];
  const dw = g.conv2dWeightGradient(dy, x, { kernel: [1, 1] });
  await agrees(g.graph([x, dy], { dw }), {
    x: n.integers([5, 64, 64, 3]),
    dy: n.integers([5, 64, 64, 16]),
  });
});

test('the gradients of no pictures are no zeros', async () => {
  const size = SIZES[0];
  const { dw, dx } = (await openRun(layer(size, false, 0), feedsOf(size, 0))) as {
    dw: Tensor<'f32'>;
    dx: Tensor<'f32'>;
  };
  const w = new Numbers(3).integers([12, 3, 3, 5]);
  expect(Array.from(dw.data)).toEqual(Array.from(w.data));
  expect(dx.shape).toEqual([0, 9, 8, 5]);
});

async function openRun(graph: Graph, feeds: Readonly<Record<string, Tensor>>) {
  const session = GraphSession.fromGraph(graph, {});
  open.push(session);
  return session.run(feeds);
}

// dense: y = x w^T; the gradient of x is dy w, that of w is dy^T x.
test('gradients of a dense layer, as those of a 1 x 1 convolution, copy or differ', async () => {
  const n = new Numbers(4);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 3, 10]);
  const dy = g.input('dy', 'f32', ['N', 3, 7]);
  const w = g.state(n.integers([7, 10]), { name: 'w' });
  const upstream = g.reshape(dy, ['N', 3, 1, 7]);
  const dx = g.conv2dInputGradient(upstream, g.reshape(w, [7, 1, 1, 10]), { height: 3, width: 1 });
  const dw = g.conv2dWeightGradient(upstream, g.reshape(x, ['N', 3, 1, 10]), { kernel: [1, 1] });
  const graph = g.graph([x, dy], {
    dx: g.reshape(dx, ['N', 3, 10]),
    dw: g.reshape(dw, [7, 10]),
    dxToo: g.matmul(dy, w),
  });
  const feeds = { x: n.integers([11, 3, 10]), dy: n.integers([11, 3, 7]) };
  await agrees(graph, feeds);
  const { dx: found, dxToo } = evaluateGraph(graph, feeds);
  expect(found).toEqual(dxToo);
  const calls = fuse(bind(optimize(graph), { N: 11 }));
  expect(calls.filter(({ anchor }) => anchor.op.startsWith('conv2d'))).toHaveLength(2);
  expect(calls.filter(({ anchor }) => anchor.op === 'reshape' || anchor.op === 'copy')).toEqual([]);
});

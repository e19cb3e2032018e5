/**
 * Two made-up ops enter through the tables alone, and everything works on them: what a new op needs
 * is its own file and a line in a table. An element-wise op that a chain says, and a reduction with
 * a lowering to an instruction that exists.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.js';
import { Session } from '../../src/formats/session.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { isIndex } from '../../src/ops/attributes.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { OPS } from '../../src/ops/index.js';
import { make } from '../../src/ops/make.js';
import type { Named, NodeMaker, OpDef } from '../../src/ops/op.js';
import { operand, requireAxis } from '../../src/ops/operands.js';
import { print } from '../../src/ops/print.js';
import { clipped } from '../../src/ops/value-range.js';
import { verify } from '../../src/ops/verify.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import { valueRange } from '../../src/passes/value-range.js';
import { LOWERINGS, type Lowering } from '../../src/runtime/lower/index.js';
import { fuse } from '../../src/schedule/fuse.js';
import { Tensor } from '../../src/tensor/tensor.js';

type Float = Value<'f32'>;

/** relu6: x between 0 and 6. */
const relu6 = {
  name: 'relu6',
  operands: ['x'],
  attributes: {},
  infer: (draft) => ({ dtype: 'f32', shape: operand(draft, 'x', 'f32').shape }),
  method: (maker: NodeMaker<Record<never, never>>) => (x: Float, options?: Named) =>
    maker.node([x], {}, options),
  scalar: () => (x) => Math.min(Math.max(x!, 0), 6),
  monotone: () => true,
  idempotent: true,
  range: ({ inputs: [x] }, rangeOf) => clipped(rangeOf(x!), 0, 6),
  step: () => ({ op: 'clip', immediates: [0, 6] }),
} satisfies OpDef<Record<never, never>>;

/** largest: the maximum along one axis, which goes. */
const largest = {
  name: 'largest',
  operands: ['x'],
  attributes: { axis: isIndex },
  infer(draft) {
    const x = operand(draft, 'x', 'f32');
    const { axis } = draft.attrs;
    requireAxis(draft, axis, x.shape.length);
    return { dtype: 'f32', shape: x.shape.filter((_, i) => i !== axis) };
  },
  method:
    (maker: NodeMaker<{ readonly axis: number }>) => (x: Float, axis: number, options?: Named) =>
      maker.node([x], { axis }, options),
  evaluate([x], { axis }, result) {
    const shape = x!.shape;
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const size = shape[axis]!;
    const count = result.shape.reduce<number>((a, b) => a * (b as number), 1);
    const values = Float32Array.from({ length: count }, (_, i) => {
      const first = Math.floor(i / inner) * size * inner + (i % inner);
      return Array.from({ length: size }, (_, k) => x!.data[first + k * inner]!).reduce((a, b) =>
        Math.max(a, b),
      );
    });
    return new Tensor('f32', values, result.shape as number[]);
  },
  range: ({ inputs: [x] }, rangeOf) => rangeOf(x!),
  transposed({ attrs }, perm) {
    const axis = perm[attrs.axis as number]!;
    const left = perm.filter((one) => one !== axis);
    const order = [...left].sort((a, b) => a - b);
    return { attrs: { axis }, perm: left.map((one) => order.indexOf(one)) };
  },
} satisfies OpDef<{ readonly axis: number }>;

const lowerLargest: Lowering = ({ anchor: node }, context) => {
  const [x] = node.inputs as [Value];
  const axis = node.attrs.axis as number;
  const product = (sizes: readonly unknown[]) =>
    sizes.reduce<number>((all, size) => all * (size as number), 1);
  context.asm.emit('reduce', {
    x: context.buffer(x),
    y: context.buffer(node),
    kind: 2,
    outer: product(x.shape.slice(0, axis)),
    k: x.shape[axis] as number,
    inner: product(x.shape.slice(axis + 1)),
    ...{ dtype: 0, zero: 0, scale: 0 },
  });
};

const table = OPS as unknown as Record<string, OpDef>;
const lowerings = LOWERINGS as unknown as Record<string, Lowering>;

beforeAll(() => {
  Object.assign(table, { relu6, largest });
  lowerings.largest = lowerLargest;
});
afterAll(() => {
  delete table.relu6;
  delete table.largest;
  delete lowerings.largest;
});

type Builder = GraphBuilder & {
  relu6(x: Float, options?: Named): Float;
  largest(x: Float, axis: number, options?: Named): Float;
};

/** relu6 twice, largest over the channels of an NCHW map, and of constants. */
function network(): Graph {
  const g = new GraphBuilder() as Builder;
  const x = g.input('x', 'f32', ['N', 3, 4, 5]);
  const w = g.constant(
    new Tensor(
      'f32',
      Float32Array.from({ length: 54 }, (_, i) => ((i * 7) % 11) - 5),
      [2, 3, 3, 3],
    ),
  );
  const map = g.conv2d(g.transpose(x, [0, 2, 3, 1]), w, { pads: [1, 1, 1, 1] });
  const back = g.relu6(g.relu6(g.add(g.transpose(map, [0, 3, 1, 2]), 0.5)), { name: 'clipped' });
  const known = g.largest(g.constant(new Tensor('f32', Float32Array.of(1, 4, 3), [1, 3])), 1);
  const y = g.add(g.largest(back, 1, { name: 'most' }), known, { name: 'y' });
  return g.graph([x], { y });
}

const pixels = Float32Array.from({ length: 2 * 60 }, (_, i) => Math.sin(i) * 3);

/** What the network means, in plain loops. */
function expected(): Float32Array {
  const results: number[] = [];
  for (let n = 0; n < 2; n++) {
    for (let p = 0; p < 4; p++) {
      for (let q = 0; q < 5; q++) {
        const channels = [0, 1].map((o) => {
          let sum = 0;
          for (let c = 0; c < 3; c++) {
            for (let i = 0; i < 3; i++) {
              for (let j = 0; j < 3; j++) {
                const [row, column] = [p + i - 1, q + j - 1];
                if (row < 0 || row >= 4 || column < 0 || column >= 5) continue;
                const weight = ((((o * 3 + i) * 3 + j) * 3 + c) * 7) % 11;
                sum += (weight - 5) * pixels[((n * 3 + c) * 4 + row) * 5 + column]!;
              }
            }
          }
          return Math.min(Math.max(sum + 0.5, 0), 6);
        });
        results.push(Math.max(...channels) + 4);
      }
    }
  }
  return Float32Array.from(results);
}

describe('ops that the tables alone know', () => {
  test('are built by methods of the builder, verified and printed', () => {
    const graph = network();
    expect(() => verify(graph)).not.toThrow();
    expect(print(graph)).toContain('%most: f32[N,4,5] = largest(%clipped) {axis:1}');
    expect(() => make('largest', 'bad', graph.inputs, { axis: 4 })).toThrow('largest "bad"');
  });

  test('survive the file format', () => {
    expect(print(decodeModel(encodeModel(network())))).toBe(print(network()));
  });

  test('state their value range', () => {
    const g = new GraphBuilder() as Builder;
    const x = g.round(g.input('x', 'f32', [2, 3]));
    const range = valueRange(g.largest(g.relu6(x), 1));
    expect(range).toEqual({ origin: 0, step: 1, lo: 0, hi: 6 });
  });

  test('sink transpositions, fold over constants, and are done once, not twice', () => {
    const text = print(optimize(network()));
    // One transposition brings the channels of the input last; none is left behind the maximum.
    expect(text.match(/= transpose\(/g)).toHaveLength(1);
    expect(text.match(/= largest\(/g)).toHaveLength(1);
    expect(text).toMatch(/largest\(%\S+\) \{axis:3\}/);
    expect(text.match(/= relu6\(/g)).toHaveLength(1);
  });

  test('join the epilogue of the layer before', () => {
    const kernels = fuse(bind(optimize(network()), { N: 2 }));
    const conv = kernels.find(({ anchor }) => anchor.op === 'conv2d');
    expect(conv?.epilogue.map((step) => step.value.op)).toContain('relu6');
  });

  test('run, as written and optimized, to what they mean', async () => {
    for (const optimized of [false, true]) {
      const session = Session.fromGraph(network(), { optimize: optimized });
      const y = (await session.run({ x: pixels })).y as Tensor<'f32'>;
      const want = expected();
      expect(y.shape).toEqual([2, 4, 5]);
      for (const [i, value] of y.data.entries()) expect(value).toBeCloseTo(want[i]!, 4);
      session.release();
    }
  });
});

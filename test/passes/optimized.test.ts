/**
 * A graph that was optimized is not optimized again, whether it was kept or saved; what a file says
 * of its graph changes no result. Not here: what the passes make of a graph.
 */
import { describe, expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { Session } from '../../src/formats/session.js';
import { type Graph, topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { optimize } from '../../src/passes/index.js';
import { isOptimized } from '../../src/passes/optimized.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { Numbers } from './fixtures.js';

/** Channels first, a sign and a batch norm before it, a matrix that is turned around. */
function written(): Graph {
  const n = new Numbers(3);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 8, 5, 5]);
  const last = g.transpose(x, [0, 2, 3, 1]);
  const normal = g.batchNorm(
    last,
    g.constant(n.scales([8])),
    g.constant(n.floats([8])),
    g.constant(n.floats([8])),
    g.constant(n.scales([8], 0)),
    { epsilon: 1e-5 },
  );
  const w = g.constant(n.fill([16, 3, 3, 8], () => n.pick(-1, 1)));
  const dot = g.conv2d(g.cast(g.sign(normal), 'f32'), w, { pads: [1, 1, 1, 1] });
  const flat = g.reshape(g.transpose(g.relu(dot), [0, 3, 1, 2]), ['N', 400]);
  return g.graph([x], { y: g.matmul(flat, g.constant(n.integers([400, 3]))) });
}

/** The file of a graph, with what it says of having been optimized. */
function saying(graph: Graph, optimized: string | undefined): Uint8Array {
  const { metadata, tensors } = readSafetensors(encodeModel(graph));
  const changed = new Map(metadata);
  if (optimized === undefined) changed.delete('bitplane.optimized');
  else changed.set('bitplane.optimized', optimized);
  return writeSafetensors({ metadata: changed, tensors });
}

async function resultOf(file: Uint8Array): Promise<Float32Array> {
  const session = await Session.create(file, { threads: 1 });
  const { y } = (await session.run({ x: new Numbers(5).floats([2, 8, 5, 5]) } as never)) as {
    y: Tensor<'f32'>;
  };
  await session.release();
  return y.data;
}

const ops = (graph: Graph) => topological(graph).map(({ op, name }) => `${op} ${name}`);

describe('an optimized graph', () => {
  const graph = optimize(written());

  test('comes back as it is', () => {
    expect(isOptimized(graph)).toBe(true);
    expect(optimize(graph)).toBe(graph);
  });

  test('is known as one when its file is read, and as no other', () => {
    const read = decodeModel(encodeModel(graph));
    expect(isOptimized(read)).toBe(true);
    expect(optimize(read)).toBe(read);
    expect(ops(read).sort()).toEqual(ops(graph).sort());
    expect(read.metadata ?? {}).toEqual({});
    expect(isOptimized(decodeModel(encodeModel(written())))).toBe(false);
    expect(isOptimized(decodeModel(saying(graph, '0')))).toBe(false);
  });

  test('of an exact sign is optimized again where a sign may be what it likes', () => {
    expect(optimize(graph, { signZero: 'plus' })).not.toBe(graph);
  });
});

test('what a file says of a graph that nobody optimized changes no bit', async () => {
  const file = saying(written(), '1');
  expect(isOptimized(decodeModel(file))).toBe(true);
  const wanted = await resultOf(encodeModel(written()));
  expect(wanted.some((y) => y !== 0)).toBe(true);
  const plain = await Session.create(file, { threads: 1 }).catch((error) => error);
  if (plain instanceof Error) expect(plain).toMatchObject({ code: expect.stringMatching(/^ERR_/) });
  else {
    await plain.release();
    expect(await resultOf(file)).toEqual(wanted);
  }
});

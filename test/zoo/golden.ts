/**
 * The golden vectors: arrays that the authors' own code (or the best public code) computed.
 * $BITPLANE_GOLDEN names their folder, else test/golden. Maps and weights there are NCHW and OIHW.
 * Not a test.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { readSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { Session } from '../../src/formats/session.js';
import { permuted, type Tensors } from '../../src/formats/tensors.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { mergeAffines } from '../../src/passes/index.js';
import type { Isa } from '../../src/runtime/session-types.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { testedIsas } from '../native/harness.js';
import { evaluateGraph } from '../passes/evaluate.js';

const FOLDER = process.env.BITPLANE_GOLDEN ?? fileURLToPath(new URL('../golden', import.meta.url));

/**
 * The tolerance that the vectors' README states for a float32 implementation: |a - b| <= ATOL +
 * RTOL |b|.
 */
const RTOL = 1e-4;
const ATOL = 1e-5;

export function golden(name: string): Tensors {
  const { tensors } = readSafetensors(readFileSync(join(FOLDER, `${name}.safetensors`)));
  return Object.fromEntries(
    [...tensors].map(([key, { shape, data }]) => [
      key,
      new Tensor('f32', new Float32Array(new Uint8Array(data).buffer), shape),
    ]),
  );
}

/** The tensors whose names begin with `prefix`, under the rest of their names. */
export function under(tensors: Tensors, prefix: string, replacement = ''): Tensors {
  const entries = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(
    entries.map(([name, tensor]) => [replacement + name.slice(prefix.length), tensor]),
  );
}

export const toNhwc = (tensor: Tensor<'f32'>) => permuted(tensor, [0, 2, 3, 1]);

export function expectClose(got: Tensor, want: Tensor, what: string): void {
  expect(got.shape, what).toEqual(want.shape);
  let worst = 0;
  for (const [i, b] of want.data.entries())
    worst = Math.max(worst, Math.abs((got.data[i] as number) - b) / (ATOL + RTOL * Math.abs(b)));
  expect(worst, `${what}: largest error in units of the tolerance`).toBeLessThanOrEqual(1);
}

/**
 * Runs the graph's one output four ways: by the ops' formulas, as floats in the executor, packed,
 * and packed with its affines merged, the last three on every instruction set.
 */
export async function everyWay(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<[string, Tensor][]> {
  const [output] = Object.keys(graph.outputs) as [string];
  const results: [string, Tensor][] = [['formulas', evaluateGraph(graph, feeds)[output]!]];
  const ways = [
    { way: 'float', of: graph, optimize: false },
    { way: 'packed', of: graph, optimize: true },
    { way: 'merged', of: mergeAffines(graph), optimize: true },
  ];
  for (const { way, of, optimize } of ways) {
    for (const isa of testedIsas() as Isa[]) {
      const session = Session.fromGraph(of, { optimize, isa, threads: 1 });
      results.push([`${way} ${isa}`, (await session.run(feeds))[output] as Tensor]);
      await session.release();
    }
  }
  return results;
}

/**
 * The signs of every binarization in the graph, float against packed, and how many differ where
 * |x| is above `rounding` times the largest |x| of its map: none may.
 */
export async function compareSigns(graph: Graph, feeds: Readonly<Record<string, Tensor>>) {
  const g = new GraphBuilder();
  const signs = topological(graph).filter(
    (value) => value.op === 'sign' && value.inputs[0]!.op !== 'constant',
  ) as Value<'b1'>[];
  const outputs: Record<string, Value> = {};
  for (const [i, sign] of signs.entries()) {
    outputs[`x${i}`] = sign.inputs[0]!;
    outputs[`sign${i}`] = g.cast(sign, 'f32', { name: `golden sign ${i}` });
  }
  const probe: Graph = { inputs: graph.inputs, outputs };
  const [float, packed] = await Promise.all(
    [false, true].map(async (optimize) => {
      const session = Session.fromGraph(probe, { optimize, threads: 1 });
      const results = (await session.run(feeds)) as Record<string, Tensor>;
      await session.release();
      return results;
    }),
  );
  const count = { signs: 0, differ: 0, differAboveRounding: 0 };
  for (const i of signs.keys()) {
    const x = float![`x${i}`]!.data as Float32Array;
    const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [k, value] of float![`sign${i}`]!.data.entries()) {
      count.signs++;
      if (value === packed![`sign${i}`]!.data[k]) continue;
      count.differ++;
      if (Math.abs(x[k]!) > 2 ** -20 * largest) count.differAboveRounding++;
    }
  }
  return count;
}

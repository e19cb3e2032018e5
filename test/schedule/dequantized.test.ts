/**
 * Values that are stored as integers: shortcuts that are added straight from them, and epilogues
 * that go on behind them. Results are those of the ops one by one, to the bit.
 */
import { expect, test } from 'vitest';
import { integerBounds } from '../../src/core/dtype.js';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import { fuse } from '../../src/schedule/fuse.js';
import { tensorOf } from '../../src/tensor/values.js';
import { testedIsas } from '../native/harness.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { Numbers } from '../passes/fixtures.js';

type Float = Value<'f32'>;
const C = 16;

function quantized(g: GraphBuilder, x: Float, scale: number, zero: number, to: 'u8' | 'i8'): Float {
  const { lo, hi } = integerBounds(to);
  const q = g.cast(g.clip(g.add(g.round(g.div(x, scale)), zero), lo, hi), to);
  return g.mul(g.sub(g.cast(q, 'f32'), zero), scale);
}

/** A residual network as QDQ files have it: every tensor quantized, the shortcut too. */
function residual(seed: number, to: 'u8' | 'i8', blocks = 2) {
  const n = new Numbers(seed);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6, 6, C]);
  const conv = (y: Float) => {
    const q = g.constant(tensorOf('i8', n.integers([C, 3, 3, C], -127, 127).data, [C, 3, 3, C]));
    const w = g.mul(g.cast(q, 'f32'), g.constant(n.fill([C, 1, 1, 1], () => 2 ** -n.int(6, 9))));
    const bias = g.constant(n.fill([C], () => n.int(-64, 64) / 16));
    return g.add(g.conv2d(y, w, { pads: [1, 1, 1, 1] }), bias);
  };
  const zero = to === 'u8' ? n.int(0, 255) : n.int(-20, 20);
  let y = quantized(g, x, 0.25, zero, to);
  for (let block = 0; block < blocks; block++) {
    const inner = quantized(g, g.relu(conv(y)), 0.5, to === 'u8' ? 0 : -128, to);
    const sum = g.add(quantized(g, conv(inner), 1, 3, to), y);
    y = quantized(g, g.relu(sum), 0.5, to === 'u8' ? 0 : -128, to);
  }
  const graph = g.graph([x], { y });
  return { graph, feeds: { x: n.fill([2, 6, 6, C], () => n.int(-300, 300) / 16) } };
}

test.each([
  [1, 'u8'],
  [2, 'i8'],
] as const)(
  'a residual network of seed %i, %s: a kernel a layer, the same bits',
  async (seed, to) => {
    const { graph, feeds } = residual(seed, to);
    const calls = fuse(bind(optimize(graph), { N: 2 }));
    // The input's quantization, four convolutions, and the floats of the output.
    expect(calls.map((call) => (call.map ? 'map' : call.anchor.op))).toEqual([
      'map',
      ...Array(4).fill('conv2d'),
    ]);
    const steps = calls.flatMap(({ epilogue }) =>
      epilogue.map((step) => (step.kind === 'op' ? step.form.op : step.kind)),
    );
    expect(steps.filter((op) => op === 'addscaled')).toHaveLength(2);
    expect(steps.filter((op) => op === 'poszero')).toHaveLength(3);
    const want = evaluateGraph(graph, feeds);
    for (const isa of testedIsas() as Isa[]) {
      for (const threads of [1, 3]) {
        const session = GraphSession.fromGraph(graph, { isa, threads });
        expect((await session.run(feeds)).y).toEqual(want['y']);
        await session.release();
      }
    }
  },
);

/** tanh by exact operations: near tanh, and the same bits by kernels as by its formulas. */
import { expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { exactTanh } from '../../src/quant/exact-tanh.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';

test('exactTanh is off by 1e-6 or more, or its kernels have other bits', async () => {
  const values = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 160);
  const x = new Tensor('f32', values, [values.length]);
  const g = new GraphBuilder();
  const input = g.input('x', 'f32', x.shape);
  const graph = g.graph([input], { y: exactTanh(g, input) });
  const { y } = evaluateGraph(graph, { x });
  const errors = [...values].map((v, i) => Math.abs((y!.data[i] as number) - Math.tanh(v)));
  expect(Math.max(...errors)).toBeLessThan(1e-6);
  const session = Session.fromGraph(graph, { threads: 1 });
  const run = (await session.run({ x } as never)) as Record<string, Tensor>;
  await session.release();
  expect(run['y']!.data).toEqual(y!.data);
});

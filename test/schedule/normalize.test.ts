/**
 * How often a batch norm in training goes through memory: its forward and its backward pass as
 * kernels over maps. Not here: what they compute (test/autodiff).
 */
import { expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import { isScratch, type KernelCall, type Memory } from '../../src/schedule/calls.js';
import { fuse } from '../../src/schedule/fuse.js';
import { Tensor } from '../../src/tensor/tensor.js';

const SHAPE = ['N', 8, 8, 16];

/** The kernels that read or write maps, with the steps of their epilogues. */
function overMaps(calls: readonly KernelCall[]): string[] {
  const isMap = (memory: Memory) => !isScratch(memory) && memory.shape.length === 4;
  const maps = (values: readonly Memory[]) => new Set(values.filter(isMap)).size;
  return calls
    .filter(({ reads, stores }) => maps(reads) + maps(stores) > 0)
    .map(({ map, anchor, epilogue, reads, stores }) => {
      const steps = epilogue.map((step) => {
        if (step.kind !== 'op') return step.kind;
        return step.reversed ? step.form.reversed : step.form.op;
      });
      const name = map ? 'map' : anchor.op;
      return `${name}: ${steps.join(' ')} (${maps(reads)} read, ${maps(stores)} written)`;
    });
}

/** gamma and beta as states that a step updates, and the gradient with respect to x. */
function training(layer: (g: GraphBuilder, y: Value<'f32'>) => Value<'f32'>) {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', SHAPE);
  const upstream = g.input('upstream', 'f32', SHAPE);
  const [gamma, beta] = [1, 0].map((value) =>
    g.state(new Tensor('f32', new Float32Array(16).fill(value), [16])),
  ) as [Value<'f32'>, Value<'f32'>];
  const y = layer(g, g.normalize(x, gamma, beta));
  const [dx, dgamma, dbeta] = gradients(g, y, [x, gamma, beta], { upstream });
  return g.graph(
    [x, upstream],
    { y, dx: dx! },
    { updates: { [gamma.name]: g.sub(gamma, dgamma!), [beta.name]: g.sub(beta, dbeta!) } },
  );
}

test('forward reads x twice, backward dy and x twice: nothing else goes through memory', () => {
  const graph = bind(optimize(training((_, y) => y)), { N: 4 });
  expect(overMaps(fuse(graph))).toEqual([
    'moments: store (1 read, 0 written)',
    'map: submul add store (1 read, 1 written)',
    'normalizeSums: store (2 read, 0 written)',
    'map: rsub mul sub add mul store (2 read, 1 written)',
  ]);
});

test('an activation costs no pass of its own, and its gradient one map', () => {
  const graph = bind(optimize(training((g, y) => g.relu(y))), { N: 4 });
  expect(overMaps(fuse(graph))).toEqual([
    'moments: store (1 read, 0 written)',
    'map: submul add relu store rgate store (2 read, 2 written)',
    'normalizeSums: store (2 read, 0 written)',
    'map: rsub mul sub add mul store (2 read, 1 written)',
  ]);
});

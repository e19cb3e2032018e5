/**
 * The steps between a graph and its instructions pause for every value or call, so that a graph of
 * thousands of them, such as an unrolled LSTM, does not hold up the event loop.
 */
import { expect, test } from 'vitest';
import { atOnce, type Pausing } from '../../src/core/turns.js';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind, binding } from '../../src/passes/bind.js';
import { scheduling } from '../../src/schedule/index.js';
import { planMemory, planningMemory } from '../../src/schedule/memory-plan.js';

const COUNT = 100;

/** A row of products, each of which is a call. */
function row() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 2]);
  let y: Value<'f32'> = x;
  for (let i = 0; i < COUNT; i++) y = g.softmax(y);
  return g.graph([x], { y });
}

/** How often work pauses, and what it gives. */
function counted<T>(work: Pausing<T>): { readonly pauses: number; readonly value: T } {
  for (let pauses = 0; ; pauses++) {
    const step = work.next();
    if (step.done === true) return { pauses, value: step.value };
  }
}

test('binding, scheduling and planning pause less often than once a call', () => {
  const bound = counted(binding(row(), { N: 3 }));
  expect(bound.pauses).toBeGreaterThanOrEqual(COUNT);
  expect(bound.value.outputs['y']?.shape).toEqual([3, 2]);

  const graph = bind(row(), { N: 3 });
  const scheduled = counted(scheduling(graph, 1));
  const { calls } = scheduled.value;
  expect(calls).toHaveLength(COUNT);
  // Fusion, two greedy orders and clusters.
  expect(scheduled.pauses).toBeGreaterThanOrEqual(4 * COUNT);

  const planned = counted(planningMemory(graph, calls));
  expect(planned.pauses).toBeGreaterThanOrEqual(COUNT);
  expect(planned.value).toEqual(planMemory(graph, calls));
  expect(atOnce(scheduling(graph, 1)).calls).toEqual(calls);
});

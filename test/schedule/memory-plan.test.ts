/**
 * The memory plan: no two values that live at the same time share a byte, and the plan takes no
 * more memory than that requires.
 */
import { describe, expect, test } from 'vitest';
import type { Shape } from '../../src/core/shape.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { input } from '../../src/ops/make.js';
import type { KernelCall } from '../../src/schedule/calls.js';
import { storage } from '../../src/schedule/epilogue.js';
import { fuse } from '../../src/schedule/fuse.js';
import { memoryBytes } from '../../src/schedule/memory-bytes.js';
import { type MemoryPlan, planMemory } from '../../src/schedule/memory-plan.js';
import { bitWords } from '../../src/tensor/layout.js';
import { Numbers } from '../passes/fixtures.js';

/**
 * First and last moment that bytes of a value are needed, written down independently of the
 * planner.
 */
function lives(graph: Graph, kernels: readonly KernelCall[]): Map<Value, [number, number]> {
  const result = new Map<Value, [number, number]>();
  const at = (value: Value, moment: number) => {
    const [from, to] = result.get(value) ?? [moment, moment];
    result.set(value, [Math.min(from, moment), Math.max(to, moment)]);
  };
  for (const value of graph.inputs) at(value, -1);
  kernels.forEach(({ reads, stores }, i) => {
    for (const value of [...reads, ...stores]) at(value, i);
  });
  for (const value of Object.values(graph.outputs)) at(storage(value), kernels.length);
  return result;
}

function expectDisjoint(
  graph: Graph,
  kernels: readonly KernelCall[],
  { places, arenaBytes }: MemoryPlan,
): void {
  const items = [...lives(graph, kernels)];
  expect(places.size).toBe(items.length);
  items.forEach(([value, [from, to]], i) => {
    const place = places.get(value) as { offset: number; bytes: number };
    expect(place.bytes).toBe(memoryBytes(value.dtype, value.shape));
    expect(place.offset % 64).toBe(0);
    expect(place.offset + place.bytes + 64).toBeLessThanOrEqual(arenaBytes);
    for (const [other, [otherFrom, otherTo]] of items.slice(i + 1)) {
      if (otherFrom > to || from > otherTo) continue;
      const { offset, bytes } = places.get(other) as { offset: number; bytes: number };
      const apart = place.offset + place.bytes <= offset || offset + bytes <= place.offset;
      expect(apart, `${value.name} and ${other.name}`).toBe(true);
    }
  });
}

/** The most bytes alive at one moment: no plan needs less. */
function least(graph: Graph, kernels: readonly KernelCall[]): number {
  const items = [...lives(graph, kernels)];
  const moments = [-1, ...kernels.map((_, i) => i), kernels.length];
  const alive = (moment: number) =>
    items.filter(([, [from, to]]) => from <= moment && moment <= to);
  return Math.max(
    ...moments.map((moment) =>
      alive(moment).reduce((sum, [value]) => sum + memoryBytes(value.dtype, value.shape), 0),
    ),
  );
}

/** A schedule of kernels that read and store at random. */
function randomSchedule(seed: number): { graph: Graph; kernels: KernelCall[] } {
  const n = new Numbers(seed);
  let count = 0;
  const value = (): Value =>
    input(`v${count++}`, n.pick('f32', 'b1', 'i32'), [
      n.pick(1, 2),
      n.int(1, 40),
      n.int(1, 200),
    ] as Shape);
  const inputs = Array.from({ length: n.int(1, 3) }, value);
  const known = [...inputs];
  const kernels = Array.from({ length: n.int(1, 25) }, (): KernelCall => {
    const reads = Array.from(
      { length: n.int(1, 3) },
      () => known[Math.max(0, known.length - 1 - n.pick(0, 0, 1, 2, 7))] as Value,
    );
    const stores = Array.from({ length: n.pick(1, 1, 2) }, value);
    known.push(...stores);
    return {
      kind: 'kernel',
      anchor: stores[0] as Value,
      map: false,
      epilogue: [],
      stores,
      reads: [...new Set(reads)],
    };
  });
  const outputs = Object.fromEntries(
    known.filter((_, i) => i === known.length - 1 || n.int(0, 9) === 0).map((v) => [v.name, v]),
  );
  return { graph: { inputs: inputs as unknown as Graph['inputs'], outputs }, kernels };
}

describe('random schedules', () => {
  test('no two values that live at the same time share memory', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const { graph, kernels } = randomSchedule(seed);
      expectDisjoint(graph, kernels, planMemory(graph, kernels));
    }
  });

  test('the arena stays near the minimum', () => {
    let [taken, needed] = [0, 0];
    for (let seed = 1; seed <= 300; seed++) {
      const { graph, kernels } = randomSchedule(seed);
      taken += planMemory(graph, kernels).arenaBytes;
      needed += least(graph, kernels);
    }
    expect(taken / needed).toBeLessThan(1.15);
  });

  test('kept values stay to the end', () => {
    const { graph, kernels } = randomSchedule(5);
    const kept = kernels.flatMap(({ stores }) => stores);
    const { places } = planMemory(graph, kernels, { kept });
    const ranges = kept
      .map((value) => places.get(value) as { offset: number; bytes: number })
      .sort((a, b) => a.offset - b.offset);
    ranges.slice(1).forEach(({ offset }, i) => {
      const before = ranges[i] as { offset: number; bytes: number };
      expect(offset).toBeGreaterThanOrEqual(before.offset + before.bytes);
    });
  });
});

test('a chain of equal maps takes two places, whatever its length', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 16, 16, 16]);
  const w = g.constant(new Numbers(1).floats([16, 3, 3, 16]));
  let y = x as Parameters<typeof g.relu>[0];
  for (let i = 0; i < 12; i++) y = g.conv2d(y, w, { pads: [1, 1, 1, 1] });
  const graph = g.graph([x], { y });
  expect(planMemory(graph, fuse(graph)).arenaBytes).toBe(2 * (16 ** 3 * 4 + 64));
});

test('bits take whole words of 64 channels a pixel, other elements take their size', () => {
  expect([1, 63, 64, 65, 128].map(bitWords)).toEqual([1, 1, 1, 2, 2]);
  expect(memoryBytes('b1', [2, 3, 65])).toBe(2 * 3 * 16);
  expect(memoryBytes('b1', [])).toBe(8);
  expect(memoryBytes('b1', [4, 0])).toBe(0);
  expect((['f32', 'i32', 'u8', 'i8'] as const).map((dtype) => memoryBytes(dtype, [3, 5]))).toEqual([
    60, 60, 15, 15,
  ]);
});

describe('in place', () => {
  const residual = (reuse: boolean) => {
    const g = new GraphBuilder();
    const n = new Numbers(1);
    const x = g.input('x', 'f32', [1, 8, 8, 64]);
    const w = g.constant(n.floats([64, 3, 3, 64]));
    const shortcut = g.relu(g.conv2d(x, w, { pads: [1, 1, 1, 1] }));
    const y = g.add(g.conv2d(shortcut, w, { pads: [1, 1, 1, 1] }), shortcut);
    const z = g.add(g.conv2d(y, w, { pads: [1, 1, 1, 1] }), reuse ? shortcut : x);
    const graph = g.graph([x], { z });
    return { graph, places: planMemory(graph, fuse(graph)).places, values: { x, shortcut, y, z } };
  };

  test('a sum takes the place of a shortcut that no window still reads', () => {
    const { places, values } = residual(false);
    // y = conv(shortcut) + shortcut: the convolution still reads its neighbours, so y may not lie
    // on shortcut. z = conv(y) + x may lie on x.
    expect(places.get(values.y)?.offset).not.toBe(places.get(values.shortcut)?.offset);
    expect(places.get(values.z)?.offset).toBe(places.get(values.x)?.offset);
  });

  test('an operand that is read later keeps its place', () => {
    const { places, values } = residual(true);
    const { offset, bytes } = places.get(values.shortcut) as { offset: number; bytes: number };
    expect(places.get(values.z)?.offset).toBe(offset);
    const y = places.get(values.y) as { offset: number };
    expect(Math.abs(y.offset - offset)).toBeGreaterThanOrEqual(bytes);
  });
});

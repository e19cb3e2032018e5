/**
 * Placing spans in memory: sound with any budget, near the minimum with a large one, and in
 * near-linear time without one.
 */
import { describe, expect, test } from 'vitest';
import { Heap } from '../../src/schedule/heap.js';
import { place, type Span } from '../../src/schedule/place.js';
import { Numbers } from '../passes/fixtures.js';

function spans(seed: number, count: number): Span[] {
  const n = new Numbers(seed);
  return Array.from({ length: count }, () => {
    const from = n.int(-1, 60);
    return { size: 64 * n.int(1, 40), from, to: from + n.int(0, 12) };
  });
}

function expectApart(all: readonly Span[], offsets: readonly number[], end: number): void {
  all.forEach((a, i) => {
    expect(offsets[i]! % 64).toBe(0);
    expect(offsets[i]! + a.size).toBeLessThanOrEqual(end);
    all.slice(i + 1).forEach((b, k) => {
      if (a.from > b.to || b.from > a.to) return;
      const [p, q] = [offsets[i]!, offsets[i + 1 + k]!];
      expect(p + a.size <= q || q + b.size <= p, `spans ${i} and ${i + 1 + k} meet`).toBe(true);
    });
  });
}

describe.each([Infinity, 900, 0])('with a budget of %d looks', (budget) => {
  test('no two spans that are alive at the same time share a byte', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const all = spans(seed, 60);
      const { offsets, end } = place(all, budget);
      expectApart(all, offsets, end);
    }
  });
});

test('spans beyond the budget still reuse the memory of dead spans', () => {
  const chain = Array.from({ length: 1000 }, (_, i): Span => ({ size: 4096, from: i, to: i + 1 }));
  expect(place(chain, Infinity).end).toBe(2 * 4096);
  // The first is placed before the budget is asked.
  expect(place(chain, 0).end).toBe(3 * 4096);
});

test('100,000 spans that are all alive take near-linear time', () => {
  const began = process.cpuUsage().user;
  const { end } = place(
    Array.from({ length: 100_000 }, (_, i): Span => ({ size: 128, from: i, to: 200_000 })),
  );
  expect(end).toBe(128 * 100_000);
  expect((process.cpuUsage().user - began) / 1000).toBeLessThan(2500);
});

test('the heap gives the smallest first', () => {
  const n = new Numbers(3);
  const heap = new Heap<number>();
  const keys = Array.from({ length: 300 }, () => n.int(0, 99));
  for (const key of keys) heap.push(key, key);
  expect(heap.least).toBe(Math.min(...keys));
  expect(keys.map(() => heap.pop())).toEqual([...keys].sort((a, b) => a - b));
  expect([heap.pop(), heap.least]).toEqual([undefined, Infinity]);
});

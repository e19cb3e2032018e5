import { describe, expect, test } from 'vitest';
import { atOnce } from '../../src/core/turns.js';
import { topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { make } from '../../src/ops/make.js';
import { verify } from '../../src/ops/verify.js';
import { fixpoint, rewrite } from '../../src/passes/rewrite.js';
import { opsOf } from './fixtures.js';

function twoRelus() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [2, 3]);
  const a = g.relu(x, { name: 'a' });
  return g.graph([x], { y: g.neg(a, { name: 'b' }), z: g.abs(x, { name: 'c' }) });
}

describe('rewrite', () => {
  test('returns the same graph where no rule applies', () => {
    const graph = twoRelus();
    expect(rewrite(graph, () => undefined)).toBe(graph);
  });

  test('rebuilds the values that depend on a change and shares all others', () => {
    const graph = twoRelus();
    const after = rewrite(graph, (value) =>
      value.op === 'relu' ? make('ceil', value.name, value.inputs) : undefined,
    );
    expect(opsOf(after)).toEqual(['abs', 'ceil', 'neg']);
    expect(after.outputs.z).toBe(graph.outputs.z);
    expect(after.outputs.y).not.toBe(graph.outputs.y);
    expect(opsOf(graph)).toEqual(['abs', 'neg', 'relu']);
  });

  test('numbers names that are taken twice, and keeps the names of inputs', () => {
    const graph = twoRelus();
    const after = rewrite(graph, (value) =>
      value.op === 'relu' ? make('relu', 'x', [make('ceil', 'x', value.inputs)]) : undefined,
    );
    verify(after);
    expect(after.inputs.map((value, i) => value === graph.inputs[i])).toEqual([true]);
    expect(topological(after).map((value) => value.name)).toEqual(['x', 'x#2', 'x#3', 'b', 'c']);
  });

  test('refuses a replacement of another type', () => {
    const rule = (value: { op: string; inputs: readonly never[] }) =>
      value.op === 'relu' ? make('sign', 's', value.inputs) : undefined;
    expect(() => rewrite(twoRelus(), rule as never)).toThrow(
      /relu "a": expected a replacement of type f32\[2, 3\] but received b1\[2, 3\]/,
    );
  });

  test("gives a rule the number of a value's readers and its replacement", () => {
    const seen: [string, number, string][] = [];
    rewrite(twoRelus(), (value, site) => {
      const first = site.original.inputs[0]!;
      seen.push([value.name, site.uses(first), site.rebuilt(first).name]);
      return value.op === 'relu' ? make('ceil', 'changed', value.inputs) : undefined;
    });
    expect(seen).toEqual([
      ['a', 2, 'x'],
      ['b', 1, 'changed'],
      ['c', 2, 'x'],
    ]);
  });

  test('walks a graph deeper than the call stack', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1]);
    let y = g.relu(x);
    for (let i = 0; i < 20_000; i++) y = i % 2 === 0 ? g.neg(y) : g.relu(y);
    const after = rewrite(g.graph([x], { y }), (value) =>
      value.op === 'neg' ? make('abs', value.name, value.inputs) : undefined,
    );
    expect(opsOf(after).filter((op) => op === 'abs')).toHaveLength(10_000);
  });
});

test('fixpoint ends with an error where rules undo each other', () => {
  const swap =
    (from: string, to: string) => (value: { op: string; name: string; inputs: readonly never[] }) =>
      value.op === from
        ? make(to, value.name, value.inputs)
        : value.op === to
          ? make(from, value.name, value.inputs)
          : undefined;
  expect(() => atOnce(fixpoint(twoRelus(), swap('relu', 'ceil') as never))).toThrow(
    /undo each other/,
  );
});

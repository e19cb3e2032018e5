import { describe, expect, test } from 'vitest';
import type { Graph, Input, Value } from '../../src/graph/value.js';
import { constant, input, make } from '../../src/ops/make.js';
import { verify } from '../../src/ops/verify.js';
import { f32, failure } from './nodes.js';

const x = input('x', 'f32', ['N', 4]);
const y = make('relu', 'y', [x]);
const check = (outputs: Graph['outputs'], inputs: readonly Input[] = [x]) =>
  failure(() => verify({ inputs, outputs }));
/** A value that no constructor would make. */
const forged = (change: Partial<Value>): Value => Object.freeze({ ...y, ...change });

describe('verify', () => {
  test('accepts every graph of `make`', () => {
    expect(check({ y })).toBe('no error');
    expect(check({ y: make('add', 'z', [y, constant('c', f32([1], []))]), also: y })).toBe(
      'no error',
    );
    expect(check({ y }, [x, input('unused', 'b1', [1])])).toBe('no error');
  });

  test('refuses a graph without outputs', () => {
    expect(check({})).toBe('ERR_GRAPH expected at least one output but received "none"');
  });

  test('refuses a name that two values have', () => {
    expect(check({ z: make('abs', 'y', [y]) })).toBe(
      'ERR_GRAPH abs "y": expected a name of its own but received that of another relu',
    );
    expect(check({ y: make('add', 's', [x, input('x', 'f32', ['N', 4])]) })).toMatch(/^ERR_GRAPH/);
  });

  test('refuses unknown ops and attributes', () => {
    expect(check({ y: forged({ op: 'gelu' }) })).toMatch(
      /^ERR_GRAPH expected a node that fits its op .*"gelu"/,
    );
    expect(check({ y: forged({ attrs: { alpha: 1 } }) })).toMatch(
      /^ERR_GRAPH .*relu "y": expected attributes of none/,
    );
    expect(check({ y: forged({ inputs: [] }) })).toMatch(/^ERR_GRAPH .*expected 1 inputs/);
  });

  test('refuses a value whose dtype or shape is not the inferred one', () => {
    expect(check({ y: forged({ shape: ['N', 5] }) })).toBe(
      'ERR_GRAPH relu "y": expected a result of f32[N,4] but received "f32[N,5]"',
    );
    expect(check({ y: forged({ dtype: 'i32' }) })).toBe(
      'ERR_GRAPH relu "y": expected a result of f32[N,4] but received "i32[N,4]"',
    );
  });

  test('refuses inputs that are not declared, and declared values that are no inputs', () => {
    expect(check({ y }, [x, x])).toBe(
      'ERR_GRAPH expected every input once but received ["x", "x"]',
    );
    expect(check({ y }, [])).toMatch(
      /^ERR_GRAPH input "x": expected every input.* but received one left out/,
    );
    expect(check({ y }, [x, y as Input])).toMatch(/^ERR_GRAPH relu "y": .* but received "relu"/);
  });

  test('refuses leaves without tensors, and values that are not frozen', () => {
    const c = constant('c', f32([1, 2], [2]));
    expect(check({ c: Object.freeze({ ...c, shape: [3] }) })).toBe(
      'ERR_GRAPH constant "c": expected a result of f32[2] but received "f32[3]"',
    );
    const { data: _, ...empty } = c;
    expect(check({ c: Object.freeze(empty) })).toMatch(
      /^ERR_GRAPH constant "c": expected a tensor as its data/,
    );
    expect(check({ y: { ...y } })).toMatch(/^ERR_GRAPH relu "y": expected a frozen value/);
  });
});

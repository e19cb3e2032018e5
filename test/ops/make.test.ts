import { describe, expect, test } from 'vitest';
import { isOpName, OPS, opDef } from '../../src/ops/index.js';
import { constant, input, make, state } from '../../src/ops/make.js';
import { f32, failure } from './nodes.js';

const x = input('x', 'f32', ['N', 4]);

describe('make', () => {
  test('gives a frozen value that shares nothing with the caller', () => {
    const shape = ['N', 2, 2];
    const node = make('reshape', 'r', [x], { shape });
    shape[1] = 9;
    expect(node.attrs).toEqual({ shape: ['N', 2, 2] });
    for (const part of [node, node.attrs, node.attrs.shape, node.inputs, node.shape])
      expect(Object.isFrozen(part)).toBe(true);
    expect(Object.isFrozen(shape)).toBe(false);
    const stretched = ['N', 4];
    make('expand', 'e', [x], { shape: stretched });
    expect(Object.isFrozen(stretched)).toBe(false);
  });

  test('names op, node, expected and received value', () => {
    expect(failure(() => make('conv3d', 'c', [x]))).toMatch(
      /^ERR_UNSUPPORTED_OP .*but received "conv3d"$/,
    );
    expect(failure(() => make('toString', 'c', [x]))).toMatch(/^ERR_UNSUPPORTED_OP/);
    expect(failure(() => make('relu', 'r', []))).toBe(
      'ERR_GRAPH relu "r": expected 1 inputs (x) but received 0',
    );
    expect(failure(() => make('concat', 'c', [], { axis: 0 }))).toBe(
      'ERR_GRAPH concat "c": expected at least 1 inputs (x) but received 0',
    );
    expect(failure(() => make('add', 'a', [x, input('b', 'b1', [4])]))).toBe(
      'ERR_DTYPE add "a": expected b of dtype f32 but received "b1"',
    );
    expect(failure(() => make('relu', '', [x]))).toMatch(/^ERR_GRAPH relu: expected a name/);
  });

  test('takes every attribute of the op and no other', () => {
    expect(failure(() => make('leakyRelu', 'l', [x]))).toBe(
      'ERR_ARGUMENT leakyRelu "l": expected alpha to be a finite float32 number but ' +
        'received undefined',
    );
    expect(failure(() => make('leakyRelu', 'l', [x], { alpha: 1e39 }))).toMatch(/^ERR_ARGUMENT/);
    expect(failure(() => make('relu', 'r', [x], { alpha: 1 }))).toBe(
      'ERR_ARGUMENT relu "r": expected attributes of none but received "alpha"',
    );
    expect(failure(() => make('clip', 'c', [x], { min: Number.NaN, max: 1 }))).toMatch(
      /^ERR_ARGUMENT clip "c": expected min/,
    );
    expect(failure(() => make('cast', 'c', [x], { to: 'b1' }))).toMatch(
      /expected to to be f32 or a dtype of integers but received "b1"/,
    );
    expect(failure(() => make('transpose', 't', [x], { perm: '10' }))).toMatch(/^ERR_ARGUMENT/);
  });

  test('refuses more elements than arithmetic can count', () => {
    const big = input('big', 'f32', [2 ** 30, 1]);
    const row = input('row', 'f32', [1, 2 ** 30]);
    expect(failure(() => make('add', 'a', [big, row]))).toMatch(
      /^ERR_SHAPE add "a": expected a shape of fewer than 2\^53 elements/,
    );
  });
});

describe('leaves', () => {
  test('an input may have symbols, and is checked', () => {
    expect(x).toMatchObject({ op: 'input', name: 'x', dtype: 'f32', shape: ['N', 4] });
    expect(failure(() => input('x', 'f64' as 'f32', [1]))).toMatch(/^ERR_DTYPE input "x"/);
    expect(failure(() => input('x', 'f32', [-1]))).toMatch(/^ERR_SHAPE input "x"/);
    expect(failure(() => input('x', 'f32', ['']))).toMatch(/^ERR_SHAPE/);
    expect(failure(() => input('x', 'f32', [1.5]))).toMatch(/^ERR_SHAPE/);
  });

  test('a constant and a state hold a tensor', () => {
    const tensor = f32([1, 2], [2]);
    expect(constant('c', tensor)).toMatchObject({
      op: 'constant',
      dtype: 'f32',
      shape: [2],
      data: tensor,
    });
    expect(state('s', tensor)).toMatchObject({ op: 'state', data: tensor });
    expect(failure(() => constant('c', { dtype: 'f32' } as never))).toMatch(
      /^ERR_ARGUMENT constant "c": expected a Tensor/,
    );
  });
});

describe('the registry', () => {
  test('lists each op under its own name', () => {
    for (const [name, def] of Object.entries(OPS)) expect(def.name).toBe(name);
  });

  test('finds ops, and lists them for an unknown name', () => {
    expect(opDef('relu')).toBe(OPS.relu);
    expect(isOpName('constructor')).toBe(false);
    expect(failure(() => opDef('input'))).toMatch(/^ERR_UNSUPPORTED_OP expected an op of add, /);
  });

  test('an element-wise op has a formula, every other an oracle', () => {
    for (const def of Object.values(OPS))
      expect('scalar' in def || 'evaluate' in def, def.name).toBe(true);
  });
});

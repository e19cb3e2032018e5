/**
 * Constants of a session are told apart by what they are made of, not by names.
 */
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { ConstantPool } from '../../src/runtime/constant-pool.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { data } from './graphs.js';

const tensor = (...values: number[]) =>
  new Tensor('f32', Float32Array.from(values), [values.length]);

test('the same derivation of another tensor is another constant', () => {
  const pool = new ConstantPool();
  const [a, b] = [tensor(1), tensor(1)];
  const make = () => new Float32Array(1);
  const numbers = [
    pool.add([a], 'words', make),
    pool.add([b], 'words', make),
    pool.add([a], 'table', make),
    pool.add([a, b], 'words', make),
    pool.add([b, a], 'words', make),
    pool.add([a], 'words', make),
  ];
  expect(numbers).toEqual([0, 1, 2, 3, 4, 0]);
  pool.settle(Infinity);
  expect(pool.constants).toHaveLength(5);
  expect(pool.add([b], 'words', make)).toBe(1);
});

test('what does not fit is not made, and may be asked for again', () => {
  const pool = new ConstantPool();
  const [a, b] = [tensor(1), tensor(1)];
  const never = () => {
    throw new Error('made');
  };
  pool.add([a], 'one', never, 8);
  pool.add([b], 'two', never, 8, { op: 'constant', node: 'b' });
  expect(() => pool.settle(15)).toThrow(/constant "b".*maxBytes/);
  pool.forget();
  expect([pool.bytes, pool.constants.length]).toEqual([0, 0]);
  expect(pool.add([b], 'two', () => new Float32Array(2), 8)).toBe(0);
  pool.settle(15);
  expect(pool.bytes).toBe(8);
});

test('names that look like what lowering once made of others are names like others', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 3]);
  // "s" times 3 channels was once found as "s*3".
  const three = g.add(x, g.constant(new Tensor('f32', Float32Array.of(5), [1]), { name: 's' }));
  const other = g.mul(x, g.constant(tensor(7, 8, 9), { name: 's*3' }));
  const session = GraphSession.fromGraph(g.graph([x], { three, other }), { optimize: false });
  const results = await session.run({ x: Float32Array.of(1, 1, 1) });
  expect(data(results.three)).toEqual([6, 6, 6]);
  expect(data(results.other)).toEqual([7, 8, 9]);
  await session.release();
});

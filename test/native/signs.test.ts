/** Signs of maps whose channels come first, on every instruction set against the oracle. */
import { expect, test } from 'vitest';
import { random } from '../random.js';
import { agrees, bitBytes, specials } from './agreement.js';
import { type Case, runCase } from './harness.js';

const signs = (n: number, hw: number, c: number, x: Float32Array): Case => ({
  opcode: 'signs',
  fields: { n, hw, c },
  buffers: { x: { feed: x }, y: { result: new Uint8Array(bitBytes(n * hw, c)) } },
});

test('the oracle says -1 for what is below 0 alone, pixel by pixel', async () => {
  const x = Float32Array.of(-1, 2, -0, 0, NaN, -Infinity, -1e-40, Infinity);
  // [1, 4, 2]: pixel 0 has -1, -0, NaN, -1e-40, pixel 1 the others.
  const { y } = await runCase(signs(1, 2, 4, x), 'reference');
  expect([...(y as Uint8Array)]).toEqual([
    0b1001, 0, 0, 0, 0, 0, 0, 0, 0b0100, 0, 0, 0, 0, 0, 0, 0,
  ]);
});

test.each([1, 3, 31, 32, 33, 63, 64, 65, 96, 130])('%i channels', async (c) => {
  const next = random(c);
  for (const [n, hw] of [
    [1, 1],
    [3, 15],
    [2, 16],
    [2, 17],
    [1, 201],
    [1, 4096],
  ] as const)
    await agrees(signs(n, hw, c, specials(n * hw * c, next)));
});

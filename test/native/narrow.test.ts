/**
 * Element-wise epilogues over few channels, which run 64 pixels as one, and their results written
 * into wider maps, as a concatenation has them: on every instruction set against the oracle, to the
 * bit.
 */
import { describe, test } from 'vitest';
import { random } from '../random.js';
import { agrees, specials } from './agreement.js';
import type { Case } from './harness.js';

// 8 channels are the most that are folded.
describe.each([1, 2, 3, 5, 7, 8, 9])('%i channels', (c) => {
  /**
   * Three steps with a result after each: a map of its own, or a third of the channels of one map.
   */
  const make = (pixels: number, parts: boolean): Case => {
    const next = random(100 * c + pixels);
    const size = pixels * c;
    const target = (name: string, index: number) =>
      parts ? { operand: 'whole', pitch: 3 * c, first: index * c } : { operand: name };
    return {
      opcode: 'map',
      fields: { dtype: 0, n: 1, hw: pixels, c },
      buffers: {
        x: { feed: specials(size, next) },
        scale: { constant: specials(c, next) },
        shift: { feed: specials(size, next) },
        steps: { constant: Int8Array.from({ length: c }, () => next() * 255 - 128) },
        levels: { feed: Uint8Array.from({ length: size }, () => next() * 256) },
        bytes: { result: new Uint8Array(size) },
        ...(parts
          ? { whole: { result: new Float32Array(3 * size) } }
          : Object.fromEntries(
              ['first', 'second', 'third'].map((name) => [
                name,
                { result: new Float32Array(size) },
              ]),
            )),
      },
      epilogue: [
        { op: 'mul', kind: 'channel', operand: 'scale' },
        { op: 'store_f32', kind: 'tensor', ...target('first', 1) },
        { op: 'add', kind: 'tensor', operand: 'shift' },
        { op: 'store_f32', kind: 'tensor', ...target('second', 0) },
        { op: 'neg' },
        { op: 'add', kind: 'channel', dtype: 'i8', operand: 'steps' },
        { op: 'sub', kind: 'tensor', dtype: 'u8', operand: 'levels' },
        { op: 'store_u8', kind: 'tensor', operand: 'bytes' },
        { op: 'store_f32', kind: 'tensor', ...target('third', 2) },
      ],
    };
  };
  test.each([1, 63, 64, 65, 127, 640, 1000])('%i pixels, maps of their own', async (pixels) =>
    agrees(make(pixels, false)),
  );
  test.each([1, 63, 64, 65, 127, 640, 1000])('%i pixels, parts of one wider map', async (pixels) =>
    agrees(make(pixels, true)),
  );
});

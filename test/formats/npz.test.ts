/** .npz files against bytes that numpy wrote, round trips, and damaged archives. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../src/core/crc32.js';
import { BitplaneError } from '../../src/core/errors.js';
import { readNpz, writeNpz } from '../../src/formats/npz.js';
import { Tensor } from '../../src/tensor/tensor.js';

/** numpy 1.24: savez(x=arange(6, dtype=float32).reshape(2, 3), bits=array([-1, 2], dtype=int8)). */
const SAVEZ = [
  'UEsDBBQAAAAAAAAAIQBP6QAqmAAAAJgAAAAFABQAeC5ucHkBABAAmAAAAAAAAACYAAAAAAAAAJNOVU1QWQEAdgB7J2Rl',
  'c2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgyLCAzKSwgfSAgICAgICAgICAgICAg',
  'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAgD8AAABAAABAQAAAgEAAAKBA',
  'UEsDBBQAAAAAAAAAIQD96ccsggAAAIIAAAAIABQAYml0cy5ucHkBABAAggAAAAAAAACCAAAAAAAAAJNOVU1QWQEAdgB7',
  'J2Rlc2NyJzogJ3xpMScsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgyLCksIH0gICAgICAgICAgICAg',
  'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAK/wJQSwECFAMUAAAAAAAAACEAT+kA',
  'KpgAAACYAAAABQAAAAAAAAAAAAAAgAEAAAAAeC5ucHlQSwECFAMUAAAAAAAAACEA/enHLIIAAACCAAAACAAAAAAAAAAA',
  'AAAAgAHPAAAAYml0cy5ucHlQSwUGAAAAAAIAAgBpAAAAiwEAAAAA',
];
/** The same by savez_compressed. */
const COMPRESSED = [
  'UEsDBBQAAAAIAAAAIQBP6QAqVQAAAJgAAAAFABQAeC5ucHkBABAAmAAAAAAAAABVAAAAAAAAAJvsF+obEMnIUMZQrZ6S',
  'WpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CsaaOgq1CmQDLgYwaLAHEg5ABMQNQLzA',
  'AQBQSwMEFAAAAAgAAAAhAP3pxyxGAAAAggAAAAgAFABiaXRzLm5weQEAEACCAAAAAAAAAEYAAAAAAAAAm+wX6hsQychQ',
  'xlCtnpJanFykbqWgXpNpqK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQArv9MAFBLAQIUAxQA',
  'AAAIAAAAIQBP6QAqVQAAAJgAAAAFAAAAAAAAAAAAAACAAQAAAAB4Lm5weVBLAQIUAxQAAAAIAAAAIQD96ccsRgAAAIIA',
  'AAAIAAAAAAAAAAAAAACAAYwAAABiaXRzLm5weVBLBQYAAAAAAgACAGkAAAAMAQAAAAA=',
];
const bytesOf = (lines: readonly string[]) => new Uint8Array(Buffer.from(lines.join(''), 'base64'));
const ARRAYS = {
  x: new Tensor('f32', Float32Array.of(0, 1, 2, 3, 4, 5), [2, 3]),
  bits: new Tensor('i8', Int8Array.of(-1, 2), [2]),
};

describe('npz', () => {
  test('what numpy wrote, stored and compressed', () => {
    expect(readNpz(bytesOf(SAVEZ))).toEqual(ARRAYS);
    expect(readNpz(bytesOf(COMPRESSED))).toEqual(ARRAYS);
    expect(Object.keys(readNpz(bytesOf(SAVEZ)))).toEqual(['x', 'bits']);
  });

  test('what was written is read, whatever the names, and the same bytes each time', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.array(fc.float(), { maxLength: 50 }), { maxKeys: 5 }),
        fc.boolean(),
        (lists, compress) => {
          const arrays = Object.fromEntries(
            Object.entries(lists).map(([name, list]) => [
              name,
              new Tensor('f32', Float32Array.from(list), [list.length]),
            ]),
          );
          const bytes = writeNpz(arrays, { compress });
          expect(readNpz(bytes)).toEqual(arrays);
          expect(writeNpz(arrays, { compress })).toEqual(bytes);
        },
      ),
      { seed: 7, numRuns: 60 },
    );
    const zeros = { x: new Tensor('u8', new Uint8Array(10_000), [10_000]) };
    expect(writeNpz(zeros, { compress: true }).length).toBeLessThan(500);
    expect(writeNpz(zeros).length).toBeGreaterThan(10_000);
    expect(readNpz(writeNpz({}))).toEqual({});
  });

  test('the checksum is that of the standard', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  });

  test('cut, changed and random bytes are refused, and never read as other numbers', () => {
    for (const whole of [bytesOf(SAVEZ), bytesOf(COMPRESSED)]) {
      for (let length = 0; length < whole.length; length++)
        expect(() => readNpz(whole.subarray(0, length))).toThrow(BitplaneError);
      for (let at = 0; at < whole.length; at++)
        for (const mask of [1, 0x80]) {
          const changed = whole.slice();
          changed[at] = (changed[at] as number) ^ mask;
          try {
            // Names and fields that nothing depends on may change; elements are summed.
            const read = Object.values(readNpz(changed));
            expect(read).toEqual(Object.values(ARRAYS));
          } catch (error) {
            if (!(error instanceof BitplaneError)) throw error;
          }
        }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        const bytes = Buffer.concat([bytesOf(SAVEZ).subarray(0, 60), noise]);
        expect(() => readNpz(new Uint8Array(bytes))).toThrow(BitplaneError);
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  test('errors name the array and the way out', () => {
    const bytes = writeNpz(ARRAYS);
    expect(() => readNpz(bytes, { maxBytes: 200 })).toThrow(
      /npz "bits\.npy": expected at most 200.* the option maxBytes raises the limit/,
    );
    const renamed = Buffer.from(
      Buffer.from(bytes).toString('latin1').replaceAll('x.npy', 'x.txt'),
      'latin1',
    );
    expect(() => readNpz(new Uint8Array(renamed))).toThrow(/"x\.txt": expected arrays only/);
    const twice = Buffer.from(
      Buffer.from(writeNpz({ a: ARRAYS.x, b: ARRAYS.x }))
        .toString('latin1')
        .replaceAll('b.npy', 'a.npy'),
      'latin1',
    );
    expect(() => readNpz(new Uint8Array(twice))).toThrow(/"a\.npy": expected it once/);
    expect(() => writeNpz({ x: 1 } as never)).toThrow(/npz "x": expected a Tensor but received 1/);
    expect(() => writeNpz({}, { compressed: true } as never)).toThrow(/did you mean "compress"/);
  });
});

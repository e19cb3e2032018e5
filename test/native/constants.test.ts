/**
 * Constants that are fetched in parts: the parts that a reader may give, and errors for a reader
 * that breaks its contract. Not here: packing.
 */
import { describe, expect, test } from 'vitest';
import { addon, type NativeConstant } from '../../src/native/addon.js';

const SMALL = { arenaBytes: 64, isa: 'scalar', threads: 1 };

/** A program without instructions that holds constant 0, of 8 bytes. */
function build(constant: NativeConstant) {
  const native = addon();
  return new native.Program(
    new native.Constants([constant]),
    new Int32Array(),
    Float64Array.of(1, 0, 8),
    SMALL,
    [],
    [],
  );
}

describe('a reader', () => {
  test('is asked for the remaining bytes until none are left', () => {
    const asked: number[] = [];
    const read = (from: number) => {
      asked.push(from);
      return new Uint8Array(Math.min(3, 8 - from));
    };
    build({ byteLength: 8, read }).release();
    expect(asked).toEqual([0, 3, 6]);
  });

  test('that throws makes building throw the same', () => {
    const error = new Error('gone');
    const read = () => {
      throw error;
    };
    expect(() => build({ byteLength: 8, read })).toThrow(error);
  });

  test.each<[string, unknown]>([
    ['nothing', new Uint8Array()],
    ['more than is left', new Uint8Array(9)],
    ['no array', 'eight by'],
    ['a detached array', detached()],
  ])('that gives %s', (_, part) => {
    expect(() => build({ byteLength: 8, read: () => part as Uint8Array })).toThrow(
      /constant 0 could not be read|expected a typed array/,
    );
  });

  test('that is no function is refused', () => {
    expect(() => build({ byteLength: 8 } as NativeConstant)).toThrow(
      /constant 0 could not be read/,
    );
  });
});

test('an array that was detached since is an error', () => {
  const array = new Uint8Array(8);
  const native = addon();
  const constants = new native.Constants([array]);
  structuredClone(array, { transfer: [array.buffer] });
  const code = [new Int32Array(), Float64Array.of(1, 0, 8), SMALL, [], []] as const;
  expect(() => new native.Program(constants, ...code)).toThrow(/constant 0 could not be read/);
});

describe('a constant that is fetched ahead', () => {
  const BYTES = 3 * 2 ** 20 + 8;
  const large = new Uint8Array(BYTES).map((_, i) => i * 7);

  test.each<[string, (asked: number[]) => NativeConstant]>([
    ['an array', () => large],
    [
      'a reader',
      (asked) => ({
        byteLength: BYTES,
        read: (from) => {
          asked.push(from);
          return large.subarray(from, Math.min(from + 2 ** 16, BYTES));
        },
      }),
    ],
  ])('%s arrives in several parts, each once', (_, make) => {
    const asked: number[] = [];
    const constants = new (addon().Constants)([make(asked)]);
    let parts = 1;
    while (!constants.fetch(0)) parts++;
    expect(parts).toBeGreaterThan(4);
    expect(constants.fetch(0)).toBe(true);
    const table = Float64Array.of(1, 0, BYTES);
    new (addon().Program)(constants, new Int32Array(), table, SMALL, [], []).release();
    expect(new Set(asked).size).toBe(asked.length);
    constants.release();
  });

  test('begun and not ended is whole for the program that needs it', () => {
    const asked: number[] = [];
    const read = (from: number) => {
      asked.push(from);
      return large.subarray(from, Math.min(from + 2 ** 19, BYTES));
    };
    const constants = new (addon().Constants)([{ byteLength: BYTES, read }]);
    expect(constants.fetch(0)).toBe(false);
    const table = Float64Array.of(1, 0, BYTES);
    new (addon().Program)(constants, new Int32Array(), table, SMALL, [], []).release();
    expect(asked).toEqual([...asked].sort((a, b) => a - b));
    expect(new Set(asked).size).toBe(asked.length);
  });

  test('that cannot be read throws what its reader does, and begins anew', () => {
    let fails = true;
    const read = (from: number) => {
      if (fails && from > 0) throw new Error('gone');
      return large.subarray(from, Math.min(from + 2 ** 16, BYTES));
    };
    const constants = new (addon().Constants)([{ byteLength: BYTES, read }]);
    expect(() => constants.fetch(0)).toThrow('gone');
    fails = false;
    while (!constants.fetch(0));
    constants.release();
  });

  test('of another number there is none to fetch', () => {
    const constants = new (addon().Constants)([large]);
    for (const number of [-1, 1, 2 ** 31]) expect(constants.fetch(number)).toBe(true);
  });
});

function detached(): Uint8Array {
  const array = new Uint8Array(8);
  structuredClone(array, { transfer: [array.buffer] });
  return array;
}

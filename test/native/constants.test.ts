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

function detached(): Uint8Array {
  const array = new Uint8Array(8);
  structuredClone(array, { transfer: [array.buffer] });
  return array;
}

/**
 * The wire reader against the writer of @bufbuild/protobuf: every value comes back, every cut is
 * refused, and what nobody asks for is passed over.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FilePart, inMemory } from '../../../src/formats/file-part.js';
import type { LastingFile } from '../../../src/formats/lasting-file.js';
import { WIRE, WireReader } from '../../../src/formats/onnx/wire-reader.js';

type Written = readonly [kind: keyof typeof WRITE, field: number, value: unknown];

const WRITE = {
  varint: (w: BinaryWriter, value: unknown) => w.int64(value as bigint),
  float: (w: BinaryWriter, value: unknown) => w.float(value as number),
  double: (w: BinaryWriter, value: unknown) => w.double(value as number),
  bytes: (w: BinaryWriter, value: unknown) => w.bytes(value as Uint8Array),
  text: (w: BinaryWriter, value: unknown) => w.string(value as string),
};
const WIRE_OF = {
  varint: WireType.Varint,
  float: WireType.Bit32,
  double: WireType.Bit64,
  bytes: WireType.LengthDelimited,
  text: WireType.LengthDelimited,
};

const field = fc.integer({ min: 1, max: 2 ** 29 - 1 });
const written: fc.Arbitrary<Written> = fc.oneof(
  fc.tuple(
    fc.constant('varint' as const),
    field,
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  ),
  fc.tuple(fc.constant('varint' as const), field, fc.bigInt({ min: -300n, max: 300n })),
  fc.tuple(fc.constant('float' as const), field, fc.float()),
  fc.tuple(fc.constant('double' as const), field, fc.double()),
  fc.tuple(fc.constant('bytes' as const), field, fc.uint8Array({ maxLength: 300 })),
  fc.tuple(fc.constant('text' as const), field, fc.string({ unit: 'binary', maxLength: 40 })),
);

function encode(values: readonly Written[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [kind, number, value] of values) WRITE[kind](writer.tag(number, WIRE_OF[kind]), value);
  return writer.finish();
}

/** As the reader gives it: an integer that no double holds is an infinity. */
function expected([kind, , value]: Written): unknown {
  if (kind !== 'varint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : number > 0 ? Infinity : -Infinity;
}

test('what another implementation writes is read', () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 8 }), (values) => {
      const reader = new WireReader(encode(values));
      for (const value of values) {
        expect(reader.tag()).toEqual([value[1], WIRE_OF[value[0]]]);
        expect(reader[value[0]]()).toEqual(expected(value));
      }
      expect(reader.isAtEnd).toBe(true);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('a value that is cut short is refused, read or passed over', () => {
  fc.assert(
    fc.property(written, fc.nat(), (value, cut) => {
      const whole = encode([value]);
      const bytes = whole.subarray(0, cut % whole.length);
      const read = new WireReader(bytes);
      expect(() => read.tag() && read[value[0]]()).toThrow(RangeError);
      const again = new WireReader(bytes);
      expect(() => again.passOver(...again.tag())).toThrow(RangeError);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('fields and groups that nobody asks for are passed over', () => {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.StartGroup);
  writer.tag(2, WireType.StartGroup).tag(3, WireType.Varint).int64(7).tag(2, WireType.EndGroup);
  writer.tag(4, WireType.LengthDelimited).string('x').tag(5, WireType.Bit64).double(1);
  writer.tag(1, WireType.EndGroup).tag(6, WireType.Varint).int64(8);
  const reader = new WireReader(writer.finish());
  reader.passOver(...reader.tag());
  expect(reader.tag()).toEqual([6, WIRE.varint]);
  expect(reader.varint()).toBe(8);
});

test.each([
  ['a varint of eleven bytes', [...new Array(10).fill(0x80), 1], 'more than ten bytes'],
  ['a length of more than there is', [0xff, 0xff, 0xff, 0xff, 0x0f], 'it ends early'],
  ['a negative length', [...new Array(9).fill(0xff), 1], 'it ends early'],
])('%s is refused', (_, bytes, sentence) => {
  expect(() => new WireReader(Uint8Array.from(bytes)).bytes()).toThrow(sentence);
});

test.each([
  ['field 0', [0]],
  ['wire type 6', [(1 << 3) | 6]],
  ['wire type 7', [(1 << 3) | 7]],
  ['a field of 30 bits', [0x80, 0x80, 0x80, 0x80, 0x10]],
])('the tag of %s is refused', (_, bytes) => {
  expect(() => new WireReader(Uint8Array.from(bytes)).tag()).toThrow('no field has the tag');
});

test.each([
  ['that did not begin', [12]],
  ['of another number', [11, 20]],
])('the end of a group %s is refused', (_, bytes) => {
  const reader = new WireReader(Uint8Array.from(bytes));
  expect(() => reader.passOver(...reader.tag())).toThrow('a group ends that did not begin');
});

test('a group without an end is refused', () => {
  const reader = new WireReader(Uint8Array.from([11, 11, 11]));
  expect(() => reader.passOver(...reader.tag())).toThrow('it ends early');
});

/** A file that is these bytes. */
function inFile(bytes: Uint8Array): FilePart {
  const readSync = (from: number, target: Uint8Array) =>
    target.set(bytes.subarray(from, from + target.length));
  return new FilePart({ readSync } as unknown as LastingFile, 0, bytes.length);
}

test('what lies in a file is read as in memory, whatever window it lies in', () => {
  const many = fc.array(
    fc.oneof(
      { weight: 9, arbitrary: written },
      fc.nat(9000).map((length): Written => ['bytes', 1, new Uint8Array(length).fill(length)]),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(many, fc.nat(3), (values, skipped) => {
      const reader = new WireReader(inFile(encode(values)));
      for (const [i, value] of values.entries()) {
        expect(reader.tag()).toEqual([value[1], WIRE_OF[value[0]]]);
        if (i % 4 === skipped) reader.passOver(value[1], WIRE_OF[value[0]]);
        else expect(reader[value[0]]()).toEqual(expected(value));
      }
      expect(reader.isAtEnd).toBe(true);
      expect(() => reader.varint()).toThrow('it ends early');
    }),
  );
});

test('what is large in a file stays there', () => {
  const large = new Uint8Array(2 ** 15).map((_, i) => i);
  const reader = new WireReader(
    inFile(
      encode([
        ['bytes', 1, large],
        ['varint', 2, 5n],
      ]),
    ),
  );
  reader.tag();
  const part = reader.part();
  expect(part).toBeInstanceOf(FilePart);
  expect(inMemory(part)).toEqual(large);
  reader.tag();
  expect(reader.varint()).toBe(5);
});

test('every cut of what lies in a file is refused', () => {
  const bytes = encode([
    ['bytes', 1, new Uint8Array(5000)],
    ['double', 2, 0.5],
    ['float', 3, 1],
  ]);
  for (const length of [1, 2, 3, 4000, 5003, bytes.length - 7, bytes.length - 1]) {
    const reader = new WireReader(inFile(bytes.slice(0, length)));
    expect(() => {
      for (const kind of ['bytes', 'double', 'float'] as const) {
        reader.tag();
        reader[kind]();
      }
    }).toThrow('it ends early');
  }
});

/**
 * The wire reader against the writer of @bufbuild/protobuf: every value comes back, every cut is
 * refused, and what nobody asks for is passed over.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
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

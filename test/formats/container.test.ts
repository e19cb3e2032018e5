/**
 * The safetensors container at its boundaries: what makes a file one, every dtype's size, the order
 * and alignment of what is written, and the sentence of each error. Not here: files that are wrong
 * in one of many ways (./safetensors.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { duplicateKey } from '../../src/formats/safetensors/duplicate-key.js';
import { fromJson, toJson } from '../../src/formats/safetensors/json-numbers.js';
import {
  dataOffset,
  looksLikeSafetensors,
  readHeader,
  readSafetensors,
  writeSafetensors,
} from '../../src/formats/safetensors/safetensors.js';

function container(header: string, data = 0, length = header.length): Buffer {
  const bytes = Buffer.alloc(8 + Buffer.byteLength(header) + data);
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.write(header, 8);
  return bytes;
}
const entry = (dtype: string, shape: readonly number[], begin: number, end: number) =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
const file = (
  tensors: Parameters<typeof writeSafetensors>[0]['tensors'],
  metadata: readonly (readonly [string, string])[] = [],
) => writeSafetensors({ metadata: new Map(metadata), tensors });
const headerOf = (bytes: Uint8Array) =>
  Buffer.from(bytes.subarray(8, dataOffset(bytes, bytes.length))).toString();

describe('a file is one', () => {
  test('of 9 bytes and a brace, with a length below 2^32', () => {
    expect(looksLikeSafetensors(container('{'))).toBe(true);
    expect(looksLikeSafetensors(container('{', 0, 2 ** 32 - 1))).toBe(true);
    expect(looksLikeSafetensors(container('').subarray(0, 8))).toBe(false);
    expect(looksLikeSafetensors(container('['))).toBe(false);
    for (const byte of [4, 5, 6, 7]) {
      const bytes = container('{}');
      bytes[byte] = 1;
      expect(looksLikeSafetensors(bytes)).toBe(false);
    }
    for (const byte of [0, 1, 2, 3]) {
      const bytes = container('{}');
      bytes[byte] = 255;
      expect(looksLikeSafetensors(bytes)).toBe(true);
    }
  });
  test('whose header fits 100 MB and the file', () => {
    expect(dataOffset(container('{}', 3), 13)).toBe(10);
    expect(dataOffset(container('{}'), 10)).toBe(10);
    expect(() => dataOffset(container('{}'), 9)).toThrow(/a header of 2 bytes but the file ends/);
    expect(dataOffset(container('', 0, 100_000_000), 2 ** 30)).toBe(100_000_008);
    expect(() => dataOffset(container('', 0, 100_000_001), 2 ** 30)).toThrow(
      /at most 100000000 bytes but received 100000001/,
    );
    expect(() => dataOffset(new Uint8Array(7), 7)).toThrow(/at least 8 bytes/);
    expect(dataOffset(container('').subarray(0, 8), 8)).toBe(8);
    // The length is read where the view begins.
    expect(dataOffset(Buffer.concat([Buffer.from('abc'), container('{}')]).subarray(3), 10)).toBe(
      10,
    );
  });
});

describe('dtypes', () => {
  test.each([
    ['BOOL', 1],
    ['U8', 1],
    ['I8', 1],
    ['F8_E5M2', 1],
    ['F8_E4M3', 1],
    ['I16', 2],
    ['U16', 2],
    ['F16', 2],
    ['BF16', 2],
    ['I32', 4],
    ['U32', 4],
    ['F32', 4],
    ['I64', 8],
    ['U64', 8],
    ['F64', 8],
  ] as const)('%s takes %i bytes', (dtype, size) => {
    const { tensors } = readSafetensors(
      container(`{"a":${entry(dtype, [3], 0, 3 * size)}}`, 3 * size),
    );
    expect(tensors.get('a')?.data.length).toBe(3 * size);
    expect(
      readSafetensors(
        file(new Map([['a', { dtype, shape: [3], data: new Uint8Array(3 * size) }]])),
      ).tensors.get('a')?.dtype,
    ).toBe(dtype);
    expect(() =>
      readSafetensors(container(`{"a":${entry(dtype, [3], 0, 3 * size + 1)}}`, 3 * size + 1)),
    ).toThrow(new RegExp(`${3 * size} bytes for shape \\[3\\] but received ${3 * size + 1}`));
  });
  test('an unknown one is named, with its tensor', () => {
    expect(() => readSafetensors(container(`{"a":${entry('F4', [2], 0, 1)}}`, 1))).toThrow(
      expect.objectContaining({
        code: 'ERR_FORMAT',
        op: 'safetensors',
        node: 'a',
        message: expect.stringMatching(/a dtype of BOOL, U8, .*F64 but received "F4"/),
      }),
    );
    expect(() =>
      readSafetensors(container('{"a":{"dtype":4,"shape":[],"data_offsets":[0,4]}}', 4)),
    ).toThrow(/a dtype of/);
  });
});

describe('a header', () => {
  test.each([
    [
      '{"a":{"dtype":"U8","shape":4,"data_offsets":[0,4]}}',
      /safetensors "a": expected a shape of sizes but received 4/,
    ],
    [
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0]}}',
      /safetensors "a": expected two offsets/,
    ],
    ['{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}', /two offsets/],
    ['{"a":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]}}', /two offsets/],
    ['{"a":{"dtype":"U8","shape":[4],"data_offsets":4}}', /two offsets/],
    [
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}}',
      /safetensors "a": expected dtype, shape and data_offsets but received/,
    ],
    ['{"a":[]}', /safetensors "a": expected a JSON object/],
    ['{"__metadata__":[]}', /safetensors "__metadata__": expected a JSON object/],
    ['{"__metadata__":{"k":1}}', /safetensors "k": expected metadata of strings but received 1/],
    [
      '{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
      /safetensors "a": expected data from 0 on, without holes or overlaps but received 2/,
    ],
    [
      '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}',
      /expected 3 bytes of data but received 4/,
    ],
    ['{"a":1,"a":1}', /keys that differ but received "a"/],
    ['[]', /begins with \{/],
    ['{"a"', /a header of JSON \(/],
    ['{} x', /a header of JSON|padded with spaces only/],
    ['{}\t', /padded with spaces only/],
  ])('%s says what is wrong', (header, sentence) => {
    expect(() => readSafetensors(container(header, 4))).toThrow(
      expect.objectContaining({ code: 'ERR_FORMAT', message: expect.stringMatching(sentence) }),
    );
  });
  test('is read in the order of the data, an empty tensor before one at the same offset', () => {
    const entries = [
      `"c":${entry('U8', [2], 2, 4)}`,
      `"b":${entry('U8', [2], 0, 2)}`,
      `"e":${entry('U8', [0], 2, 2)}`,
    ];
    const header = `{${entries.join(',')}}`;
    expect([...readHeader(Buffer.from(header), 4).spans.keys()]).toEqual(['b', 'e', 'c']);
  });
  test('says how many bytes lie between the offsets of a tensor', () => {
    expect(() => readSafetensors(container(`{"a":${entry('U8', [3], 5, 9)}}`, 9))).toThrow(
      /safetensors "a": expected 3 bytes for shape \[3\] but received 4/,
    );
  });
  test('that begins with a byte order mark is refused', () =>
    expect(() => readSafetensors(container('\ufeff{}', 0, 5))).toThrow(/begins with \{/));
});

describe('written', () => {
  const of = (dtype: string, data: number[]) => ({
    dtype,
    shape: [data.length / (dtype === 'U8' ? 1 : 4)],
    data: Uint8Array.from(data),
  });
  test('wide elements first, then by name, in whole words of 8 bytes', () => {
    const bytes = file(
      new Map([
        ['b', of('U8', [1, 2])],
        ['z', of('F32', [1, 2, 3, 4])],
        ['a', of('U8', [3])],
        ['c', of('F32', [5, 6, 7, 8])],
      ]),
    );
    expect(Object.keys(JSON.parse(headerOf(bytes)))).toEqual(['c', 'z', 'a', 'b']);
    expect([...bytes.subarray(dataOffset(bytes, bytes.length))]).toEqual([
      5, 6, 7, 8, 1, 2, 3, 4, 3, 1, 2,
    ]);
    expect(dataOffset(bytes, bytes.length) % 8).toBe(0);
  });
  test('without metadata where the graph has none, padded by at most 7 spaces', () => {
    expect(headerOf(file(new Map()))).toBe('{}      ');
    for (let length = 0; length < 16; length++) {
      const header = headerOf(file(new Map(), [['k', 'x'.repeat(length)]]));
      expect(header.trimEnd()).toBe(`{"__metadata__":{"k":"${'x'.repeat(length)}"}}`);
      expect(header.length - header.trimEnd().length).toBeLessThan(8);
    }
  });
  test('is refused where the header would be more than 100 MB', () => {
    expect(() => file(new Map(), [['k', 'x'.repeat(100_000_000)]])).toThrow(
      expect.objectContaining({
        code: 'ERR_ARGUMENT',
        op: 'safetensors',
        message: expect.stringContaining('at most 100000000 bytes but received 100000032'),
      }),
    );
  });
  test.each([
    [
      'a name that the format keeps',
      new Map([['__metadata__', of('U8', [1])]]),
      'ERR_ARGUMENT',
      /other than __metadata__/,
    ],
    ['an unknown dtype', new Map([['a', of('F4', [1])]]), 'ERR_DTYPE', /a dtype of BOOL/],
    [
      'a shape that does not fit',
      new Map([['a', { ...of('U8', [1, 2, 3]), shape: [2] }]]),
      'ERR_SHAPE',
      /2 bytes for shape \[2\] but received 3/,
    ],
  ])('not with %s', (_, tensors, code, sentence) => {
    expect(() => file(tensors)).toThrow(
      expect.objectContaining({
        code,
        op: 'safetensors',
        message: expect.stringMatching(sentence),
      }),
    );
  });
});

describe('keys that repeat', () => {
  test.each([
    ['{"a":1,"b":2}', undefined],
    ['{"a":1,"a":2}', 'a'],
    ['{"a":{"a":1},"b":{"a":1}}', undefined],
    ['{"a":{"b":1},"b":{"c":1,"c":2}}', 'c'],
    ['{"a":{"b":1},"a":2}', 'a'],
    ['{"a":"a","b":"a"}', undefined],
    ['{"a":["a","a"],"b":1}', undefined],
    ['{"a" :1,"a" :2}', 'a'],
    ['{"a"\n\t:1, "a" \r:2}', 'a'],
    ['{"a\\"":1,"a\\"":2}', 'a"'],
    ['{"a\\\\":1,"a\\\\":2}', 'a\\'],
    ['{"\\u0061":1,"a":2}', 'a'],
    ['{"a":"}","a":1}', 'a'],
    ['{"a":"\\"{","a":1}', 'a'],
    ['[{"a":1},{"a":2}]', undefined],
    ['{"":1,"":2}', ''],
  ])('%s: %j', (json, key) => expect(duplicateKey(json)).toBe(key));
});

describe('numbers that JSON does not know', () => {
  test.each([Infinity, -Infinity, NaN, -0, 0, 1.5, -7, 1e300])('%d', (number) => {
    const json = JSON.parse(JSON.stringify(toJson({ a: [number, { b: number }] })));
    expect(fromJson(json)).toEqual({ a: [number, { b: number }] });
  });
  test('travel by name; other numbers, texts and flags stay', () => {
    expect(toJson([Infinity, -Infinity, NaN, -0])).toEqual([
      { number: 'Infinity' },
      { number: '-Infinity' },
      { number: 'NaN' },
      { number: '-0' },
    ]);
    expect(toJson({ a: 0, b: 'x', c: true, d: null, e: undefined })).toEqual({
      a: 0,
      b: 'x',
      c: true,
      d: null,
      e: undefined,
    });
    expect(fromJson({ number: 'NaN', more: 1 })).toEqual({ number: 'NaN', more: 1 });
    expect(fromJson({ other: 'NaN' })).toEqual({ other: 'NaN' });
    expect(fromJson(null)).toBe(null);
  });
  test.each([['many'], ['0'], [1], [null]])('%j is no name of one', (name) => {
    expect(() => fromJson({ number: name })).toThrow(
      expect.objectContaining({
        code: 'ERR_FORMAT',
        op: 'model',
        message: expect.stringContaining('a number of Infinity, -Infinity, NaN, -0'),
      }),
    );
  });
  test('nest 8 deep and no deeper, in lists and objects', () => {
    const lists = (depth: number): unknown => (depth === 0 ? 1 : [lists(depth - 1)]);
    const objects = (depth: number): unknown => (depth === 0 ? 1 : { a: objects(depth - 1) });
    for (const nest of [lists, objects]) {
      expect(fromJson(nest(8))).toEqual(nest(8));
      expect(() => fromJson(nest(9))).toThrow(
        /^model: expected attributes nested at most 8 deep but received/,
      );
    }
  });
});

/**
 * Payloads of ONNX tensors, one by one: every type in raw_data and in typed fields, the extremes of
 * each, and payloads that do not fit.
 */
import { expect, test } from 'vitest';
import { dataTypeName } from '../../src/formats/onnx/data-type.js';
import type { OnnxTensor } from '../../src/formats/onnx/proto.js';
import { decodeTensor } from '../../src/formats/onnx/tensor.js';

function tensor(
  dataType: number,
  dims: readonly number[],
  payload: Partial<OnnxTensor>,
): OnnxTensor {
  return {
    name: 't',
    dataType,
    dims: [...dims],
    raw: undefined,
    floats: [],
    ints: [],
    doubles: [],
    external: false,
    externalData: [],
    ...payload,
  };
}
/** Behind an odd number of other bytes, as a payload lies in a file. */
function raw(data: ArrayBufferView): Uint8Array {
  return Buffer.concat([
    Buffer.from('abc'),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    Buffer.from('xyz'),
  ]).subarray(3, -3);
}

const MAX = Number.MAX_SAFE_INTEGER;
const RAW: [name: string, type: number, data: ArrayBufferView, wanted: readonly number[]][] = [
  ['FLOAT', 1, Float32Array.of(1.5, -2, Infinity, -0), [1.5, -2, Infinity, -0]],
  ['UINT8', 2, Uint8Array.of(0, 1, 128, 255), [0, 1, 128, 255]],
  ['INT8', 3, Int8Array.of(0, 127, -128, -1), [0, 127, -128, -1]],
  ['UINT16', 4, Uint16Array.of(1, 256, 0x8000, 0xffff), [1, 256, 32768, 65535]],
  ['INT16', 5, Int16Array.of(1, 256, -0x8000, -1), [1, 256, -32768, -1]],
  ['INT32', 6, Int32Array.of(1, 65536, -(2 ** 31), -1), [1, 65536, -(2 ** 31), -1]],
  [
    'INT64',
    7,
    BigInt64Array.of(1n, 2n ** 32n, -(2n ** 40n) - 1n, -1n),
    [1, 2 ** 32, -(2 ** 40) - 1, -1],
  ],
  ['BOOL', 9, Uint8Array.of(0, 1, 2, 255), [0, 1, 1, 1]],
  ['DOUBLE', 11, Float64Array.of(0.1, -2, 1e300, -0), [0.1, -2, 1e300, -0]],
  ['UINT32', 12, Uint32Array.of(1, 65536, 2 ** 31, 2 ** 32 - 1), [1, 65536, 2 ** 31, 2 ** 32 - 1]],
];

test.each(RAW)('raw_data of %s is read to its extremes', (_, type, data, wanted) => {
  const decoded = decodeTensor(tensor(type, [2, 2], { raw: raw(data) }));
  expect([...decoded.data]).toEqual(wanted);
  expect(decoded.shape).toEqual([2, 2]);
  expect(decoded.kind).toBe(type === 1 ? 'f32' : type === 11 ? 'f64' : 'int');
});

test('an int64 beyond 53 bits is read as an infinity', () => {
  const data = BigInt64Array.of(
    BigInt(MAX),
    BigInt(MAX) + 1n,
    -BigInt(MAX),
    -BigInt(MAX) - 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  );
  expect([...decodeTensor(tensor(7, [6], { raw: raw(data) })).data]).toEqual([
    MAX,
    Infinity,
    -MAX,
    -Infinity,
    Infinity,
    -Infinity,
  ]);
});

test("a decoded tensor is a copy: changing the file's bytes does not change it", () => {
  const bytes = raw(Float32Array.of(1, 2));
  const { data } = decodeTensor(tensor(1, [2], { raw: bytes }));
  bytes.fill(0);
  expect([...data]).toEqual([1, 2]);
});

test('typed fields are read', () => {
  expect(decodeTensor(tensor(1, [2], { floats: [1.5, -2] }))).toEqual({
    kind: 'f32',
    data: Float32Array.of(1.5, -2),
    shape: [2],
  });
  expect(decodeTensor(tensor(11, [2], { doubles: [0.1, -2] }))).toEqual({
    kind: 'f64',
    data: Float64Array.of(0.1, -2),
    shape: [2],
  });
  for (const type of [2, 3, 4, 5, 6, 7, 9, 12]) {
    const decoded = decodeTensor(tensor(type, [3], { ints: [0, 1, 7] }));
    expect({ ...decoded, data: [...decoded.data] }).toEqual({
      kind: 'int',
      data: [0, 1, 7],
      shape: [3],
    });
  }
});

test('scalars and empty tensors are read', () => {
  expect(decodeTensor(tensor(1, [], { floats: [3] }))).toMatchObject({
    shape: [],
    data: Float32Array.of(3),
  });
  expect(decodeTensor(tensor(7, [0, 4], {}))).toMatchObject({ shape: [0, 4], data: [] });
  expect(decodeTensor(tensor(1, [2, 0], { raw: new Uint8Array(0) }))).toMatchObject({
    shape: [2, 0],
    data: new Float32Array(0),
  });
});

test.each([
  [
    'FLOAT, raw, too long',
    tensor(1, [2], { raw: new Uint8Array(9) }),
    '8 bytes of data for shape [2] but received 9',
  ],
  [
    'FLOAT, too short',
    tensor(1, [2, 2], { floats: [1, 2, 3] }),
    '16 bytes of data for shape [2, 2] but received 12',
  ],
  [
    'DOUBLE, raw, of floats',
    tensor(11, [2], { raw: new Uint8Array(8) }),
    '16 bytes of data for shape [2] but received 8',
  ],
  [
    'DOUBLE, too long',
    tensor(11, [1], { doubles: [1, 2] }),
    '8 bytes of data for shape [1] but received 16',
  ],
  [
    'INT64, raw, of int32',
    tensor(7, [2], { raw: new Uint8Array(8) }),
    '16 bytes of data for shape [2] but received 8',
  ],
  [
    'INT16, raw',
    tensor(5, [2], { raw: new Uint8Array(5) }),
    '4 bytes of data for shape [2] but received 5',
  ],
  [
    'INT32, too short',
    tensor(6, [2], { ints: [1] }),
    '8 bytes of data for shape [2] but received 4',
  ],
  [
    'data in the wrong field',
    tensor(7, [1], { floats: [1] }),
    '8 bytes of data for shape [1] but received 0',
  ],
])('a payload that does not fit: %s', (_, broken, sentence) => {
  expect(() => decodeTensor(broken)).toThrow(
    expect.objectContaining({
      code: 'ERR_FORMAT',
      op: 'initializer',
      node: 't',
      message: expect.stringContaining(sentence),
    }),
  );
});

test.each([[[-1]], [[1.5]], [[Infinity]], [[2 ** 40, 2 ** 40]], [[-1, -1]]])(
  'the shape %j is refused',
  (dims) => {
    expect(() => decodeTensor(tensor(1, dims, { floats: [1] }))).toThrow(
      expect.objectContaining({
        code: 'ERR_FORMAT',
        message: expect.stringContaining('a shape of sizes'),
      }),
    );
  },
);

test.each([
  [0, 'UNDEFINED'],
  [8, 'STRING'],
  [13, 'UINT64'],
  [14, 'data type 14'],
  [17, 'data type 17'],
])('type %i is refused as %s', (type, name) => {
  expect(dataTypeName(type)).toBe(name);
  expect(() => decodeTensor(tensor(type, [1], { ints: [1] }), 'other')).toThrow(
    expect.objectContaining({
      code: 'ERR_UNSUPPORTED',
      node: 'other',
      message: expect.stringContaining(`received ${name}`),
    }),
  );
});

test('a payload in another file is refused, whatever its shape', () => {
  expect(() => decodeTensor(tensor(1, [-1], { external: true }))).toThrow(
    expect.objectContaining({
      code: 'ERR_UNSUPPORTED',
      op: 'initializer',
      node: 't',
      message: expect.stringContaining('another file'),
    }),
  );
});

test('each data type that can be read has its ONNX name', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 16].map(dataTypeName)).toEqual([
    'FLOAT',
    'UINT8',
    'INT8',
    'UINT16',
    'INT16',
    'INT32',
    'INT64',
    'BOOL',
    'FLOAT16',
    'DOUBLE',
    'UINT32',
    'BFLOAT16',
  ]);
});

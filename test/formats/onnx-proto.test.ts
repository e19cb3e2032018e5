/**
 * ONNX messages field by field: each field is read from its own number, lists packed or not,
 * unknown fields are skipped, and wrong bytes are refused.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import { metadataOf } from '../../src/formats/onnx/metadata.js';
import { type OnnxModel, readModel } from '../../src/formats/onnx/proto.js';
import { readMessage } from '../../src/formats/onnx/wire.js';
import { encodeOnnx, floats, int64s } from './onnx-encoder.js';

const { LengthDelimited, Varint, Bit32, Bit64 } = WireType;
type Body = (writer: BinaryWriter) => void;

function bytes(...bodies: Body[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const body of bodies) body(writer);
  return writer.finish();
}
const message =
  (field: number, ...bodies: Body[]): Body =>
  (writer) =>
    void writer.tag(field, LengthDelimited).bytes(bytes(...bodies));
const text =
  (field: number, value: string): Body =>
  (writer) =>
    void writer.tag(field, LengthDelimited).string(value);
const int =
  (field: number, value: number | bigint): Body =>
  (writer) =>
    void writer.tag(field, Varint).int64(value);
const float =
  (field: number, value: number): Body =>
  (writer) =>
    void writer.tag(field, Bit32).float(value);
const double =
  (field: number, value: number): Body =>
  (writer) =>
    void writer.tag(field, Bit64).double(value);

const graphOf = (...bodies: Body[]) =>
  readModel(bytes(message(7, ...bodies))).graph as NonNullable<OnnxModel['graph']>;
const tensorOf = (...bodies: Body[]) => graphOf(message(5, ...bodies)).initializers[0];
const attributeOf = (...bodies: Body[]) =>
  [...graphOf(message(1, message(5, ...bodies))).nodes[0]!.attributes.values()][0];

test('a whole file is read field by field', () => {
  const model = readModel(
    encodeOnnx({
      nodes: [
        {
          op: 'Conv',
          name: 'n',
          domain: 'd',
          inputs: ['x', '', 'w'],
          outputs: ['y', 'z'],
          attributes: { strides: [2, 1] },
        },
      ],
      inputs: { x: ['N', 3, undefined] },
      outputs: { y: [7], z: undefined },
      initializers: { w: floats([1], [2]), i: int64s(5) },
      opset: [
        ['', 13],
        ['com.example', 2],
      ],
    }),
  );
  expect(model.opsets).toEqual([
    { domain: '', version: 13 },
    { domain: 'com.example', version: 2 },
  ]);
  const { nodes, initializers, inputs, outputs, sparseInitializers } = model.graph!;
  expect(nodes).toMatchObject([
    { name: 'n', opType: 'Conv', domain: 'd', inputs: ['x', '', 'w'], outputs: ['y', 'z'] },
  ]);
  expect(nodes[0]!.attributes.get('strides')).toMatchObject({ type: 7, ints: [2, 1] });
  expect(initializers).toMatchObject([
    { name: 'w', dataType: 1, dims: [1], floats: [2] },
    { name: 'i', dataType: 7, dims: [1], ints: [5] },
  ]);
  expect(inputs).toEqual([{ name: 'x', elementType: 1, dims: ['N', 3, undefined] }]);
  expect(outputs).toEqual([
    { name: 'y', elementType: 1, dims: [7] },
    { name: 'z', elementType: 1, dims: undefined },
  ]);
  expect(sparseInitializers).toBe(0);
});

test('the metadata of a file are read', () => {
  const property = (key: string, value: string) => message(14, text(1, key), text(2, value));
  const header = [
    int(1, 8),
    text(2, 'p'),
    text(3, '1.2'),
    text(4, 'd'),
    int(5, 7),
    text(6, 'doc'),
    property('a', 'b'),
    property('c', ''),
    message(14),
  ];
  expect(readModel(bytes(...header, message(7, text(2, 'g'))))).toMatchObject({
    irVersion: 8,
    producerName: 'p',
    producerVersion: '1.2',
    domain: 'd',
    modelVersion: 7,
    docString: 'doc',
    properties: [
      { key: 'a', value: 'b' },
      { key: 'c', value: '' },
      { key: '', value: '' },
    ],
    graph: { name: 'g' },
  });
  expect(
    metadataOf(
      readModel(
        bytes(
          ...header,
          message(8, int(2, 13)),
          message(8, text(1, 'x.y'), int(2, 3)),
          message(7, text(2, 'g')),
        ),
      ),
    ),
  ).toEqual({
    a: 'b',
    c: '',
    '': '',
    'onnx.producer_name': 'p',
    'onnx.producer_version': '1.2',
    'onnx.domain': 'd',
    'onnx.model_version': '7',
    'onnx.doc_string': 'doc',
    'onnx.graph_name': 'g',
    'onnx.ir_version': '8',
    'onnx.opset': '13, x.y 3',
  });
  expect(metadataOf(readModel(bytes(message(7))))).toEqual({});
});

test('an attribute of each kind is read', () => {
  expect(attributeOf(text(1, 'a'), int(20, 1), float(2, 1.5))).toMatchObject({
    name: 'a',
    type: 1,
    float: 1.5,
    int: 0,
    text: '',
  });
  expect(attributeOf(text(1, 'a'), int(20, 2), int(3, -7))).toMatchObject({
    type: 2,
    int: -7,
    float: 0,
  });
  expect(attributeOf(text(1, 'a'), int(20, 3), text(4, 'größe'))).toMatchObject({
    type: 3,
    text: 'größe',
  });
  expect(attributeOf(text(1, 'a'), int(20, 4), message(5, text(8, 't')))).toMatchObject({
    type: 4,
    tensor: { name: 't' },
  });
  expect(attributeOf(text(1, 'a'), float(7, 1), float(7, 2))).toMatchObject({
    type: 0,
    floats: [1, 2],
  });
  expect(attributeOf(text(1, 'a'), int(8, 1), int(8, 2))).toMatchObject({
    ints: [1, 2],
    tensor: undefined,
  });
});

test('the lists of a tensor are read, packed and one by one', () => {
  const packed = tensorOf(
    message(1, (w) => w.int64(2).int64(3)),
    message(4, (w) => w.float(1.5).float(2)),
    message(5, (w) => w.int32(-5)),
    message(7, (w) => w.int64(-6)),
    message(10, (w) => w.double(0.1).double(2)),
  );
  const single = tensorOf(
    int(1, 2),
    int(1, 3),
    float(4, 1.5),
    float(4, 2),
    int(5, -5),
    int(7, -6),
    double(10, 0.1),
    double(10, 2),
  );
  for (const tensor of [packed, single])
    expect(tensor).toMatchObject({
      dims: [2, 3],
      floats: [1.5, 2],
      ints: [-5, -6],
      doubles: [0.1, 2],
      raw: undefined,
      external: false,
    });
});

test('a tensor has its name, type and raw bytes, or a mark that they lie elsewhere', () => {
  expect(
    tensorOf(int(2, 11), text(8, 'w'), (w) => w.tag(9, LengthDelimited).bytes(Uint8Array.of(1, 2))),
  ).toMatchObject({
    name: 'w',
    dataType: 11,
    raw: Uint8Array.of(1, 2),
    external: false,
  });
  expect(tensorOf(int(14, 1))).toMatchObject({ external: true });
  expect(tensorOf(int(14, 0))).toMatchObject({ external: false });
});

test('unknown fields of any kind are skipped', () => {
  const unknown: Body[] = [
    int(99, 5),
    text(98, 'more'),
    float(97, 1),
    double(96, 2),
    message(95, int(1, 1)),
  ];
  const model = readModel(
    bytes(
      ...unknown,
      message(8, ...unknown, int(2, 9)),
      message(7, ...unknown, message(1, ...unknown, text(4, 'Relu')), text(2, 'graph')),
    ),
  );
  expect(model.opsets).toEqual([{ domain: '', version: 9 }]);
  expect(model.graph?.nodes).toMatchObject([{ opType: 'Relu', name: '', inputs: [], outputs: [] }]);
});

test('an input that is no tensor has no type', () => {
  expect(graphOf(message(11, text(1, 's'), message(2, message(4, int(1, 1))))).inputs).toEqual([
    { name: 's', elementType: 0, dims: undefined },
  ]);
});

test('an empty shape is one of rank 0', () => {
  expect(
    graphOf(message(12, text(1, 's'), message(2, message(1, int(1, 1), message(2))))).outputs[0]
      ?.dims,
  ).toEqual([]);
});

test('sparse initializers are counted', () =>
  expect(graphOf(message(15), message(15)).sparseInitializers).toBe(2));

test('integers beyond 53 bits become infinities', () => {
  const { MAX_SAFE_INTEGER: max } = Number;
  const list = [max, BigInt(max) + 1n, -max, -BigInt(max) - 1n, 2n ** 63n - 1n, -(2n ** 63n)];
  expect(attributeOf(...list.map((value) => int(8, value)))?.ints).toEqual([
    max,
    Infinity,
    -max,
    -Infinity,
    Infinity,
    -Infinity,
  ]);
});

test.each([
  ['two graphs', bytes(message(7), message(7)), 'two graphs'],
  [
    'an attribute twice',
    bytes(
      message(7, message(1, text(4, 'Conv'), message(5, text(1, 'a')), message(5, text(1, 'a')))),
    ),
    'attribute "a" twice',
  ],
  [
    'a text where a number belongs',
    bytes(message(7, message(1, message(5, text(20, 'x'))))),
    'field 20 of AttributeProto has wire type 2, not 0',
  ],
  [
    'a number where a text belongs',
    bytes(message(7, message(1, int(3, 1)))),
    'field 3 of NodeProto has wire type 0, not 2',
  ],
  [
    'an int where a float belongs',
    bytes(message(7, message(1, message(5, int(2, 1))))),
    'field 2 of AttributeProto has wire type 0, not 5',
  ],
  [
    'a number where a list of floats belongs',
    bytes(message(7, message(5, int(4, 1)))),
    'field 4 of TensorProto has wire type 0, not 2',
  ],
  [
    'a name that is no UTF-8',
    bytes(
      message(
        7,
        message(1, (w) => w.tag(3, LengthDelimited).bytes(Uint8Array.of(0xff, 0x41))),
      ),
    ),
    'NodeProto is truncated or malformed',
  ],
  [
    'a message that ends early',
    bytes(message(7, (w) => w.tag(1, LengthDelimited).uint32(9))),
    'GraphProto is truncated or malformed',
  ],
  [
    'a packed list that ends within an element',
    bytes(
      message(
        7,
        message(5, (w) => w.tag(4, LengthDelimited).bytes(Uint8Array.of(0, 0, 128))),
      ),
    ),
    'TensorProto is truncated or malformed',
  ],
])('%s is ERR_FORMAT', (_, file, sentence) => {
  expect(() => readModel(file)).toThrow(
    expect.objectContaining({
      name: 'BitplaneError',
      code: 'ERR_FORMAT',
      op: 'onnx',
      message: expect.stringContaining(sentence),
    }),
  );
});

test('a name with a byte order mark differs from one without', () =>
  expect(tensorOf(text(8, '\ufeffw'))?.name).toBe('\ufeffw'));

test('200,000 messages of one kind are read, one more is not', () => {
  const file = (count: number) => {
    const list = Buffer.alloc(2 * count);
    for (let i = 0; i < list.length; i += 2) list[i] = (8 << 3) | 2;
    return list;
  };
  expect(readModel(file(1000)).opsets).toHaveLength(1000);
  expect(() => readModel(file(1001))).toThrow(
    /ModelProto holds more than 1000 messages of one kind/,
  );
});

test('any exception of a field becomes ERR_FORMAT, with its cause', () => {
  const own = Object.assign(new Error('own'), { name: 'TypeError' });
  expect(() =>
    readMessage(bytes(int(1, 1)), 'Any', () => {
      throw own;
    }),
  ).toThrow(
    expect.objectContaining({
      code: 'ERR_FORMAT',
      cause: own,
      message: expect.stringContaining('(own)'),
    }),
  );
});

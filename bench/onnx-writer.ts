/**
 * Writes ONNX models for the competitors, large typed weights included. Not here: reading ONNX
 * (src/formats/onnx), files that are wrong (test/formats/onnx-encoder.ts writes those). Field
 * numbers are those of onnx.proto.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** TensorProto.DataType of the element types written here. */
const DATA_TYPE = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7 } as const;
type OnnxType = keyof typeof DATA_TYPE;

/** AttributeProto.AttributeType. */
const ATTRIBUTE = { INT: 2, INTS: 7 };

export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
}

export interface OnnxNode {
  readonly op: string;
  /** Empty for standard ONNX. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** A list is INTS, a number INT. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface OnnxModel {
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export function writeOnnx(model: OnnxModel): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, 0).int64(8); // ir_version
  message(writer, 7, (graph) => writeGraph(graph, model));
  message(writer, 8, (opset) => opset.tag(2, 0).int64(model.opset));
  for (const domain of new Set(model.nodes.map((node) => node.domain ?? ''))) {
    if (domain !== '')
      message(writer, 8, (opset) => opset.tag(1, 2).string(domain).tag(2, 0).int64(1));
  }
  return writer.finish();
}

function writeGraph(graph: BinaryWriter, model: OnnxModel): void {
  for (const node of model.nodes) message(graph, 1, (writer) => writeNode(writer, node));
  graph.tag(2, 2).string('graph');
  for (const tensor of model.initializers)
    message(graph, 5, (writer) => writeTensor(writer, tensor));
  for (const value of model.inputs) message(graph, 11, (writer) => writeValue(writer, value));
  for (const value of model.outputs) message(graph, 12, (writer) => writeValue(writer, value));
}

function writeNode(writer: BinaryWriter, node: OnnxNode): void {
  for (const name of node.inputs) writer.tag(1, 2).string(name);
  for (const name of node.outputs) writer.tag(2, 2).string(name);
  writer.tag(3, 2).string(node.outputs[0] as string);
  writer.tag(4, 2).string(node.op);
  if (node.domain !== undefined) writer.tag(7, 2).string(node.domain);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message(writer, 5, (attribute) => {
      attribute.tag(1, 2).string(name);
      if (typeof value === 'number') attribute.tag(3, 0).int64(value);
      else for (const item of value) attribute.tag(8, 0).int64(item);
      attribute.tag(20, 0).int32(typeof value === 'number' ? ATTRIBUTE.INT : ATTRIBUTE.INTS);
    });
  }
}

function writeTensor(writer: BinaryWriter, { name, type, shape, data }: OnnxTensor): void {
  for (const dim of shape) writer.tag(1, 0).int64(dim);
  writer.tag(2, 0).int32(DATA_TYPE[type]);
  writer.tag(8, 2).string(name);
  writer.tag(9, 2).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeValue(writer: BinaryWriter, { name, type, shape }: OnnxValue): void {
  writer.tag(1, 2).string(name);
  message(writer, 2, (typeProto) =>
    message(typeProto, 1, (tensorType) => {
      tensorType.tag(1, 0).int32(DATA_TYPE[type]);
      message(tensorType, 2, (shapeProto) => {
        for (const size of shape) message(shapeProto, 1, (dim) => dim.tag(1, 0).int64(size));
      });
    }),
  );
}

/** A length-delimited field whose content `fill` writes. */
function message(writer: BinaryWriter, field: number, fill: (writer: BinaryWriter) => void): void {
  writer.tag(field, 2).fork();
  fill(writer);
  writer.join();
}

/**
 * The ONNX messages (onnx.proto) of a model that is written, as bytes. Payloads are raw_data,
 * little endian. Not here: which nodes a graph becomes (./emission.ts and the writers).
 */
import type { Shape } from '../../../core/shape.js';
import { MessageWriter } from './wire.js';

export interface NewTensor {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly raw: Uint8Array;
}

/** A number is an integer; floats say so. */
export type NewAttribute = number | string | { readonly float: number } | readonly number[];

export interface NewNode {
  readonly op: string;
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, NewAttribute>>;
}

export interface NewValueInfo {
  readonly name: string;
  readonly dataType: number;
  readonly shape: Shape;
}

export interface NewModel {
  readonly irVersion: number;
  /** Domain and version of each operator set; '' is ONNX's own. */
  readonly opsets: readonly (readonly [domain: string, version: number])[];
  readonly graphName: string;
  readonly header: {
    readonly domain: string;
    readonly modelVersion: number;
    readonly docString: string;
  };
  readonly properties: readonly (readonly [key: string, value: string])[];
  readonly nodes: readonly NewNode[];
  readonly initializers: readonly NewTensor[];
  readonly inputs: readonly NewValueInfo[];
  readonly outputs: readonly NewValueInfo[];
}

const PRODUCER = 'bitplane';
/** AttributeProto.AttributeType. */
const TYPE = { float: 1, int: 2, text: 3, ints: 7 } as const;

export function encodeModel(model: NewModel): Uint8Array {
  const { header } = model;
  const writer = new MessageWriter();
  writer.int(1, model.irVersion).text(2, PRODUCER);
  if (header.domain !== '') writer.text(4, header.domain);
  if (header.modelVersion !== 0) writer.int(5, header.modelVersion);
  if (header.docString !== '') writer.text(6, header.docString);
  writer.message(7, (graph) => {
    for (const node of model.nodes) graph.message(1, (w) => writeNode(w, node));
    graph.text(2, model.graphName);
    for (const tensor of model.initializers) graph.message(5, (w) => writeTensor(w, tensor));
    for (const info of model.inputs) graph.message(11, (w) => writeInfo(w, info));
    for (const info of model.outputs) graph.message(12, (w) => writeInfo(w, info));
  });
  for (const [domain, version] of model.opsets)
    writer.message(8, (w) => {
      if (domain !== '') w.text(1, domain);
      w.int(2, version);
    });
  for (const [key, value] of model.properties)
    writer.message(14, (w) => w.text(1, key).text(2, value));
  return writer.finish();
}

function writeNode(writer: MessageWriter, node: NewNode): void {
  for (const name of node.inputs) writer.text(1, name);
  for (const name of node.outputs) writer.text(2, name);
  writer.text(3, node.name).text(4, node.op);
  for (const [name, value] of Object.entries(node.attributes))
    writer.message(5, (w) => writeAttribute(w, name, value));
  if (node.domain !== '') writer.text(7, node.domain);
}

function writeAttribute(writer: MessageWriter, name: string, value: NewAttribute): void {
  writer.text(1, name);
  if (typeof value === 'number') writer.int(3, value).int(20, TYPE.int);
  else if (typeof value === 'string') writer.text(4, value).int(20, TYPE.text);
  else if ('float' in value) writer.float(2, value.float).int(20, TYPE.float);
  else {
    for (const item of value) writer.int(8, item);
    writer.int(20, TYPE.ints);
  }
}

function writeTensor(writer: MessageWriter, tensor: NewTensor): void {
  for (const dim of tensor.dims) writer.int(1, dim);
  writer.int(2, tensor.dataType).text(8, tensor.name).bytes(9, tensor.raw);
}

function writeInfo(writer: MessageWriter, { name, dataType, shape }: NewValueInfo): void {
  writer.text(1, name).message(2, (type) =>
    type.message(1, (tensor) =>
      tensor.int(1, dataType).message(2, (dims) => {
        for (const dim of shape)
          dims.message(1, (w) => {
            if (typeof dim === 'number') w.int(1, dim);
            else w.text(2, dim);
          });
      }),
    ),
  );
}

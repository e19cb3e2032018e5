/**
 * The part of the ONNX messages (onnx.proto, IR versions 3 to 11) that an inference graph needs, as
 * plain objects. Functions, training and sparse tensors are refused by name. Not here:
 * the meaning of any field.
 */
import { TextDecoder } from 'node:util';
import { type Limits, overLimit, UNLIMITED } from '../../core/limits.js';
import { atOnce, type Pausing } from '../../core/turns.js';
import type { Bytes } from '../file-part.js';
import { type Field, malformed, readingMessage, readMessage } from './wire.js';

/**
 * More domains, entries of metadata, attributes of a node and sizes of a shape than any model has.
 */
const MOST = {
  opsets: 1000,
  properties: 1000,
  attributes: 1000,
  dims: 1000,
  texts: 1000,
  depth: 8,
};
/** Characters of a text that is no name. */
const MAX_TEXT = 2 ** 20;

/** A StringStringEntryProto. */
export interface OnnxEntry {
  key: string;
  value: string;
}

export interface OnnxTensor {
  name: string;
  /** TensorProto.DataType; see ./tensor.ts. */
  dataType: number;
  readonly dims: number[];
  /** Large ones of a file may have stayed there. */
  raw: Bytes | undefined;
  readonly floats: number[];
  /** int32_data and int64_data. */
  readonly ints: number[];
  readonly doubles: number[];
  /** True when the payload lies in another file. */
  external: boolean;
  /** Where in which file: the entries location, offset and length. */
  readonly externalData: OnnxEntry[];
}

export interface OnnxAttribute {
  name: string;
  /** AttributeProto.AttributeType; 0 where an old file does not say. */
  type: number;
  float: number;
  int: number;
  text: string;
  tensor: OnnxTensor | undefined;
  /** A branch of If. */
  graph: OnnxGraph | undefined;
  readonly floats: number[];
  readonly ints: number[];
  readonly texts: string[];
}

export interface OnnxNode {
  name: string;
  opType: string;
  domain: string;
  readonly inputs: string[];
  readonly outputs: string[];
  readonly attributes: Map<string, OnnxAttribute>;
}

export interface OnnxValueInfo {
  name: string;
  /** TensorProto.DataType, or 0 when the value is no tensor. */
  elementType: number;
  /**
   * A size, a name, or undefined where the file says neither; undefined as a whole when there is no
   * shape.
   */
  dims: (number | string | undefined)[] | undefined;
}

export interface OnnxGraph {
  name: string;
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxTensor[];
  readonly inputs: OnnxValueInfo[];
  readonly outputs: OnnxValueInfo[];
  sparseInitializers: number;
}

export interface OnnxModel {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  domain: string;
  modelVersion: number;
  docString: string;
  /** metadata_props. */
  readonly properties: OnnxEntry[];
  readonly opsets: { domain: string; version: number }[];
  graph: OnnxGraph | undefined;
}

/**
 * @param limits how many nodes and tensors there may be
 * @throws BitplaneError ERR_FORMAT, ERR_LIMIT
 */
export function readModel(bytes: Bytes, limits: Pick<Limits, 'maxNodes'> = UNLIMITED): OnnxModel {
  return atOnce(readingModel(bytes, limits));
}

/** `readModel` that pauses between nodes and tensors. */
export function* readingModel(bytes: Bytes, limits: Pick<Limits, 'maxNodes'>): Pausing<OnnxModel> {
  const named = {
    producerName: '',
    producerVersion: '',
    domain: '',
    modelVersion: 0,
    docString: '',
  };
  const model: OnnxModel = { irVersion: 0, ...named, properties: [], opsets: [], graph: undefined };
  // A Buffer takes several times as long to give a part of itself.
  const plain =
    bytes instanceof Uint8Array
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : bytes;
  yield* readingMessage(plain, 'ModelProto', (field) => {
    if (field.number === 1) model.irVersion = field.int();
    else if (field.number === 2) model.producerName = field.text();
    else if (field.number === 3) model.producerVersion = field.text();
    else if (field.number === 4) model.domain = field.text();
    else if (field.number === 5) model.modelVersion = field.int();
    else if (field.number === 6) model.docString = field.text(MAX_TEXT);
    else if (field.number === 14) field.messages(model.properties, MOST.properties, readEntry);
    else if (field.number === 7) {
      if (model.graph !== undefined) throw malformed('the file holds two graphs');
      const graph = emptyGraph();
      model.graph = graph;
      return readingGraph(graph, field.part(), limits.maxNodes);
    } else if (field.number === 8) field.messages(model.opsets, MOST.opsets, readOpset);
    return undefined;
  });
  return model;
}

function readOpset(bytes: Bytes): { domain: string; version: number } {
  const opset = { domain: '', version: 0 };
  readMessage(bytes, 'OperatorSetIdProto', (field) => {
    if (field.number === 1) opset.domain = field.text();
    else if (field.number === 2) opset.version = field.int();
  });
  return opset;
}

function readEntry(bytes: Bytes): OnnxEntry {
  const entry = { key: '', value: '' };
  readMessage(bytes, 'StringStringEntryProto', (field) => {
    if (field.number === 1) entry.key = field.text();
    else if (field.number === 2) entry.value = field.text(MAX_TEXT);
  });
  return entry;
}

function emptyGraph(): OnnxGraph {
  return {
    name: '',
    nodes: [],
    initializers: [],
    inputs: [],
    outputs: [],
    sparseInitializers: 0,
  };
}

/** A graph within an attribute. */
function readInner(bytes: Bytes, maxNodes: number, depth: number): OnnxGraph {
  if (depth > MOST.depth) throw malformed(`graphs are nested more than ${MOST.depth} deep`);
  const graph = emptyGraph();
  atOnce(readingGraph(graph, bytes, maxNodes, depth));
  return graph;
}

/** Fills `graph`; pauses after each of its fields. */
function readingGraph(graph: OnnxGraph, bytes: Bytes, maxNodes: number, depth = 0): Pausing<void> {
  const lists = {
    1: graph.nodes,
    5: graph.initializers,
    11: graph.inputs,
    12: graph.outputs,
  } as Record<number, unknown[]>;
  let results = 0;
  return readingMessage(bytes, 'GraphProto', (field) => {
    // Checked before the next one is read, because each becomes a value of the graph, as does every
    // output of a node.
    if ((lists[field.number]?.length ?? 0) >= maxNodes || results > maxNodes)
      throw overLimit('maxNodes', `at most ${maxNodes} nodes, tensors, inputs or outputs`, 'more', {
        op: 'onnx',
      });
    if (field.number === 1) {
      field.messages(graph.nodes, maxNodes, (node) =>
        readNode(node, (inner) => readInner(inner, maxNodes, depth + 1)),
      );
      results += graph.nodes[graph.nodes.length - 1]?.outputs.length ?? 0;
    } else if (field.number === 2) graph.name = field.text();
    else if (field.number === 5) field.messages(graph.initializers, maxNodes, readTensor);
    else if (field.number === 11) field.messages(graph.inputs, maxNodes, readValueInfo);
    else if (field.number === 12) field.messages(graph.outputs, maxNodes, readValueInfo);
    else if (field.number === 15) graph.sparseInitializers++;
    return undefined;
  });
}

/** Reads a graph that an attribute holds. */
type Within = (bytes: Bytes) => OnnxGraph;

function readNode(bytes: Bytes, within: Within): OnnxNode {
  const node: OnnxNode = {
    name: '',
    opType: '',
    domain: '',
    inputs: [],
    outputs: [],
    attributes: new Map(),
  };
  const attributes: OnnxAttribute[] = [];
  readMessage(bytes, 'NodeProto', (field) => {
    if (field.number === 1) node.inputs.push(field.text());
    else if (field.number === 2) node.outputs.push(field.text());
    else if (field.number === 3) node.name = field.text();
    else if (field.number === 4) node.opType = field.text();
    else if (field.number === 5)
      field.messages(attributes, MOST.attributes, (one) => readAttribute(one, within));
    else if (field.number === 7) node.domain = field.text();
  });
  for (const attribute of attributes) {
    if (node.attributes.has(attribute.name))
      throw malformed(`${node.opType} "${node.name}" has the attribute "${attribute.name}" twice`);
    node.attributes.set(attribute.name, attribute);
  }
  return node;
}

function readAttribute(bytes: Bytes, within: Within): OnnxAttribute {
  const attribute: OnnxAttribute = {
    name: '',
    type: 0,
    float: 0,
    int: 0,
    text: '',
    tensor: undefined,
    graph: undefined,
    floats: [],
    ints: [],
    texts: [],
  };
  readMessage(bytes, 'AttributeProto', (field) => {
    if (field.number === 1) attribute.name = field.text();
    else if (field.number === 2) attribute.float = field.float();
    else if (field.number === 3) attribute.int = field.int();
    else if (field.number === 4) attribute.text = new TextDecoder().decode(field.bytes());
    else if (field.number === 5) attribute.tensor = readTensor(field.part());
    else if (field.number === 6) attribute.graph = within(field.part());
    else if (field.number === 9) field.texts(attribute.texts, MOST.texts);
    else if (field.number === 7) field.floats(attribute.floats);
    else if (field.number === 8) field.ints(attribute.ints);
    else if (field.number === 20) attribute.type = field.int();
  });
  return attribute;
}

function readTensor(bytes: Bytes): OnnxTensor {
  const tensor: OnnxTensor = {
    name: '',
    dataType: 0,
    dims: [],
    raw: undefined,
    floats: [],
    ints: [],
    doubles: [],
    external: false,
    externalData: [],
  };
  readMessage(bytes, 'TensorProto', (field: Field) => {
    if (field.number === 1) field.ints(tensor.dims);
    else if (field.number === 2) tensor.dataType = field.int();
    else if (field.number === 4) field.floats(tensor.floats);
    else if (field.number === 5 || field.number === 7) field.ints(tensor.ints);
    else if (field.number === 8) tensor.name = field.text();
    else if (field.number === 9) tensor.raw = field.part();
    else if (field.number === 10) field.doubles(tensor.doubles);
    else if (field.number === 13) field.messages(tensor.externalData, MOST.properties, readEntry);
    else if (field.number === 14) tensor.external = field.int() === 1;
  });
  return tensor;
}

function readValueInfo(bytes: Bytes): OnnxValueInfo {
  const info: OnnxValueInfo = { name: '', elementType: 0, dims: undefined };
  const readTensorType = (tensorType: Bytes) =>
    readMessage(tensorType, 'TypeProto.Tensor', (field) => {
      if (field.number === 1) info.elementType = field.int();
      else if (field.number === 2) info.dims = readShape(field.bytes());
    });
  readMessage(bytes, 'ValueInfoProto', (field) => {
    if (field.number === 1) info.name = field.text();
    else if (field.number === 2) {
      readMessage(field.bytes(), 'TypeProto', (type) => {
        if (type.number === 1) readTensorType(type.bytes());
      });
    }
  });
  return info;
}

function readShape(bytes: Bytes): (number | string | undefined)[] {
  const dims: { dim: number | string | undefined }[] = [];
  readMessage(bytes, 'TensorShapeProto', (field) => {
    if (field.number === 1) field.messages(dims, MOST.dims, readDim);
  });
  return dims.map(({ dim }) => dim);
}

function readDim(bytes: Bytes): { dim: number | string | undefined } {
  const result: { dim: number | string | undefined } = { dim: undefined };
  readMessage(bytes, 'TensorShapeProto.Dimension', (field) => {
    if (field.number === 1) result.dim = field.int();
    else if (field.number === 2) result.dim = field.text();
  });
  return result;
}

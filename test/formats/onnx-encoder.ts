/**
 * Writes small ONNX files for tests, field by field. Not here: any check; tests also need files
 * that are wrong.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export interface TensorSpec {
  readonly dims: readonly number[];
  readonly floats?: readonly number[];
  readonly int64s?: readonly (number | bigint)[];
  readonly int32s?: readonly number[];
  readonly doubles?: readonly number[];
  /** raw_data to the byte, of the type that dataType says. */
  readonly bytes?: ArrayBufferView;
  /** As typed fields (float_data, ...) or as raw_data. */
  readonly raw?: boolean;
  readonly external?: boolean;
  /** The entries location, offset and length of data in another file. */
  readonly externalData?: Readonly<Record<string, string>>;
  /** Overrides what the data says. */
  readonly dataType?: number;
}

export type AttributeSpec =
  | number
  | string
  | { readonly float: number }
  | readonly number[]
  | { readonly floats: readonly number[] }
  | { readonly texts: readonly string[] }
  | { readonly tensor: TensorSpec }
  /** A branch; its inputs and operator sets are those around it. */
  | { readonly graph: Pick<ModelSpec, 'nodes' | 'outputs' | 'initializers'> };

export interface NodeSpec {
  readonly op: string;
  readonly name?: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
}

/** A map keeps the order of names that are whole numbers. */
type ByName<T> = Readonly<Record<string, T>> | ReadonlyMap<string, T>;

export interface ModelSpec {
  readonly nodes: readonly NodeSpec[];
  readonly inputs: ByName<readonly (number | string | undefined)[]>;
  /** Without a shape where it is undefined. */
  readonly outputs: ByName<readonly (number | string | undefined)[] | undefined>;
  readonly initializers?: Readonly<Record<string, TensorSpec>>;
  /**
   * Version of the standard operators; null leaves the import out, a list gives versions by domain.
   */
  readonly opset?: number | null | readonly (readonly [domain: string, version: number])[];
  /** The program that wrote the file, and its version. */
  readonly producer?: readonly [name: string, version: string];
  /** metadata_props. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** TensorProto.DataType of the inputs; FLOAT unless given. */
  readonly inputType?: number;
  /** The same of some inputs. */
  readonly inputTypes?: Readonly<Record<string, number>>;
  /** TensorProto.DataType of the outputs; FLOAT unless given. */
  readonly outputType?: number;
  /** The same of some outputs. */
  readonly outputTypes?: Readonly<Record<string, number>>;
}

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const DOUBLE = 11;

export function encodeOnnx(spec: ModelSpec): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(8);
  for (const [i, text] of (spec.producer ?? []).entries())
    writer.tag(2 + i, WireType.LengthDelimited).string(text);
  message(writer, 7, (graph) => writeGraph(graph, spec));
  for (const entry of Object.entries(spec.metadata ?? {}))
    message(writer, 14, (w) => {
      for (const [i, text] of entry.entries()) w.tag(1 + i, WireType.LengthDelimited).string(text);
    });
  const { opset = 13 } = spec;
  for (const [domain, version] of typeof opset === 'number'
    ? [['', opset] as const]
    : (opset ?? [])) {
    message(writer, 8, (w) => {
      if (domain !== '') w.tag(1, WireType.LengthDelimited).string(domain);
      w.tag(2, WireType.Varint).int64(version);
    });
  }
  return writer.finish();
}

export function floats(dims: readonly number[], values: readonly number[]): TensorSpec {
  return { dims, floats: values };
}

export function int64s(...values: readonly (number | bigint)[]): TensorSpec {
  return { dims: [values.length], int64s: values };
}

function message(writer: BinaryWriter, field: number, body: (writer: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  body(writer);
  writer.join();
}

function writeGraph(graph: BinaryWriter, spec: ModelSpec): void {
  for (const node of spec.nodes) message(graph, 1, (w) => writeNode(w, node));
  graph.tag(2, WireType.LengthDelimited).string('test');
  for (const [name, tensor] of Object.entries(spec.initializers ?? {}))
    message(graph, 5, (w) => writeTensor(w, tensor, name));
  for (const [name, dims] of entriesOf(spec.inputs)) {
    const type = spec.inputTypes?.[name] ?? spec.inputType ?? FLOAT;
    message(graph, 11, (w) => writeValueInfo(w, name, dims, type));
  }
  for (const [name, dims] of entriesOf(spec.outputs))
    message(graph, 12, (w) =>
      writeValueInfo(w, name, dims, spec.outputTypes?.[name] ?? spec.outputType ?? FLOAT),
    );
}

function writeNode(writer: BinaryWriter, node: NodeSpec): void {
  for (const name of node.inputs) writer.tag(1, WireType.LengthDelimited).string(name);
  for (const name of node.outputs) writer.tag(2, WireType.LengthDelimited).string(name);
  if (node.name !== undefined) writer.tag(3, WireType.LengthDelimited).string(node.name);
  writer.tag(4, WireType.LengthDelimited).string(node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {}))
    message(writer, 5, (w) => writeAttribute(w, name, value));
  if (node.domain !== undefined) writer.tag(7, WireType.LengthDelimited).string(node.domain);
}

function writeAttribute(writer: BinaryWriter, name: string, value: AttributeSpec): void {
  writer.tag(1, WireType.LengthDelimited).string(name);
  const type = (number: number) => writer.tag(20, WireType.Varint).int32(number);
  if (typeof value === 'number') type(2).tag(3, WireType.Varint).int64(value);
  else if (typeof value === 'string') type(3).tag(4, WireType.LengthDelimited).string(value);
  else if ('float' in value) type(1).tag(2, WireType.Bit32).float(value.float);
  else if ('floats' in value) {
    type(6);
    for (const item of value.floats) writer.tag(7, WireType.Bit32).float(item);
  } else if ('texts' in value) {
    type(8);
    for (const item of value.texts) writer.tag(9, WireType.LengthDelimited).string(item);
  } else if ('graph' in value)
    message(type(5), 6, (w) => writeGraph(w, { ...value.graph, inputs: {} }));
  else if ('tensor' in value) message(type(4), 5, (w) => writeTensor(w, value.tensor, ''));
  else {
    type(7);
    for (const item of value) writer.tag(8, WireType.Varint).int64(item);
  }
}

function writeTensor(writer: BinaryWriter, tensor: TensorSpec, name: string): void {
  message(writer, 1, (w) => {
    for (const dim of tensor.dims) w.int64(dim);
  });
  const own =
    tensor.floats !== undefined
      ? FLOAT
      : tensor.doubles !== undefined
        ? DOUBLE
        : tensor.int32s !== undefined
          ? INT32
          : INT64;
  const dataType = tensor.dataType ?? own;
  writer.tag(2, WireType.Varint).int32(dataType);
  if (name !== '') writer.tag(8, WireType.LengthDelimited).string(name);
  for (const entry of Object.entries(tensor.externalData ?? {}))
    message(writer, 13, (w) => {
      for (const [i, text] of entry.entries()) w.tag(1 + i, WireType.LengthDelimited).string(text);
    });
  if (tensor.external) writer.tag(14, WireType.Varint).int32(1);
  if (tensor.bytes !== undefined) {
    const { buffer, byteOffset, byteLength } = tensor.bytes;
    writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength));
  }
  const lists = [
    {
      field: 4,
      values: tensor.floats,
      write: (w: BinaryWriter, v: number | bigint) => w.float(Number(v)),
      fixed: Float32Array,
    },
    {
      field: 10,
      values: tensor.doubles,
      write: (w: BinaryWriter, v: number | bigint) => w.double(Number(v)),
      fixed: Float64Array,
    },
    {
      field: 7,
      values: tensor.int64s,
      write: (w: BinaryWriter, v: number | bigint) => w.int64(v),
      fixed: BigInt64Array,
    },
    {
      field: 5,
      values: tensor.int32s,
      write: (w: BinaryWriter, v: number | bigint) => w.int32(Number(v)),
      fixed: Int32Array,
    },
  ];
  for (const { field, values, write, fixed } of lists) {
    if (values === undefined) continue;
    if (tensor.raw) {
      const data =
        fixed === BigInt64Array
          ? BigInt64Array.from(values, BigInt)
          : (fixed as Float32ArrayConstructor).from(values, Number);
      writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(data.buffer));
    } else {
      message(writer, field, (w) => {
        for (const value of values) write(w, value);
      });
    }
  }
}

function writeValueInfo(
  writer: BinaryWriter,
  name: string,
  dims: readonly (number | string | undefined)[] | undefined,
  elementType: number,
): void {
  writer.tag(1, WireType.LengthDelimited).string(name);
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      tensor.tag(1, WireType.Varint).int32(elementType);
      if (dims === undefined) return;
      message(tensor, 2, (shape) => {
        for (const dim of dims) {
          message(shape, 1, (w) => {
            if (typeof dim === 'number') w.tag(1, WireType.Varint).int64(dim);
            else if (dim !== undefined) w.tag(2, WireType.LengthDelimited).string(dim);
          });
        }
      });
    }),
  );
}

function entriesOf<T>(named: ByName<T>): readonly (readonly [string, T])[] {
  return named instanceof Map ? [...named] : Object.entries(named);
}

/**
 * The element types of ONNX tensors: their names, and the integer types that quantized tensors
 * have. Not here: payloads (./tensor.ts).
 */
import { type Integer, integerBounds } from '../../core/dtype.js';

const NAMES = [
  'UNDEFINED',
  'FLOAT',
  'UINT8',
  'INT8',
  'UINT16',
  'INT16',
  'INT32',
  'INT64',
  'STRING',
  'BOOL',
  'FLOAT16',
  'DOUBLE',
  'UINT32',
  'UINT64',
];
NAMES[16] = 'BFLOAT16';
NAMES[21] = 'UINT4';
NAMES[22] = 'INT4';
NAMES[25] = 'UINT2';
NAMES[26] = 'INT2';

/** The data types that a model may use, by their number in TensorProto.DataType. */
export const DataType = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  BFLOAT16: 16,
  UINT4: 21,
  INT4: 22,
  UINT2: 25,
  INT2: 26,
} as const;

export function dataTypeName(dataType: number): string {
  return NAMES[dataType] ?? `data type ${dataType}`;
}

/** Bits of an element of the float types. All of them are f32 in a graph. */
const FLOATS: ReadonlyMap<number, number> = new Map([
  [DataType.FLOAT, 32],
  [DataType.FLOAT16, 16],
  [DataType.BFLOAT16, 16],
  [DataType.DOUBLE, 64],
]);

export function isFloatType(dataType: number): boolean {
  return FLOATS.has(dataType);
}

/** Bits that an element takes in a payload; undefined for types that no payload may have here. */
export function bitsOf(dataType: number): number | undefined {
  return FLOATS.get(dataType) ?? quantizedType(dataType)?.bits ?? OTHERS.get(dataType);
}

const OTHERS: ReadonlyMap<number, number> = new Map([
  [DataType.BOOL, 8],
  [DataType.UINT32, 32],
  [DataType.INT64, 64],
  [DataType.UINT64, 64],
]);

/** An element type of quantized tensors. */
export interface QuantizedType {
  /** The dtype that holds it; 16 bits lie in i32, which has no smaller neighbour. */
  readonly dtype: Integer;
  /** Bits of an element in a payload. */
  readonly bits: number;
  readonly lo: number;
  readonly hi: number;
}

const QUANTIZED: ReadonlyMap<number, QuantizedType> = new Map([
  [DataType.UINT8, quantized('u8', 8)],
  [DataType.INT8, quantized('i8', 8)],
  [DataType.UINT16, { dtype: 'i32', bits: 16, lo: 0, hi: 2 ** 16 - 1 }],
  [DataType.INT16, { dtype: 'i32', bits: 16, lo: -(2 ** 15), hi: 2 ** 15 - 1 }],
  [DataType.INT32, quantized('i32', 32)],
  [DataType.UINT4, quantized('u4', 4)],
  [DataType.INT4, quantized('i4', 4)],
  [DataType.UINT2, quantized('u2', 2)],
  [DataType.INT2, quantized('i2', 2)],
]);

function quantized(dtype: Integer, bits: number): QuantizedType {
  return { dtype, bits, ...integerBounds(dtype) };
}

/** What a quantized tensor of a data type holds; undefined for other data types. */
export function quantizedType(dataType: number): QuantizedType | undefined {
  return QUANTIZED.get(dataType);
}

/** The data type whose elements a dtype holds; undefined for i32, which holds three. */
export function dataTypeOf(dtype: Integer): number | undefined {
  if (dtype === 'i32') return undefined;
  return [...QUANTIZED].find(([, type]) => type.dtype === dtype)?.[0];
}

/** True for integers that exporters quantize to and never compute shapes with. */
export function isSmallInteger(dataType: number): boolean {
  return dataType !== DataType.INT32 && QUANTIZED.has(dataType);
}

/**
 * Constants as payloads of ONNX tensors. Integers of 4 bits and fewer are written as UINT4 and
 * INT4, other integers as the next larger type; bits are floats, -1 and +1. Not here: names
 * (./emission.ts).
 */
import { DTYPES, type DType, type Integer } from '../../../core/dtype.js';
import { packLowBits } from '../../../tensor/low-bits.js';
import type { Tensor } from '../../../tensor/tensor.js';
import { valuesOf } from '../../../tensor/values.js';
import { DataType } from '../data-type.js';

const HALF_BYTE = 4;

/** True for integers that ONNX packs two in a byte, from operator set 21 on. */
export function isHalfByte(dtype: DType): boolean {
  return dtype !== 'b1' && DTYPES[dtype].bits <= HALF_BYTE;
}

/** The type of a computed tensor; 4 bits are only written where a file holds them. */
export function computedType(dtype: DType): number {
  if (dtype === 'f32' || dtype === 'b1') return DataType.FLOAT;
  if (dtype === 'i32') return DataType.INT32;
  return dtype.startsWith('u') ? DataType.UINT8 : DataType.INT8;
}

export function payloadType(dtype: DType): number {
  if (!isHalfByte(dtype)) return computedType(dtype);
  return dtype.startsWith('u') ? DataType.UINT4 : DataType.INT4;
}

const ARRAYS = {
  [DataType.UINT8]: Uint8Array,
  [DataType.INT8]: Int8Array,
  [DataType.INT32]: Int32Array,
} as const;

export function payloadOf(tensor: Tensor, dataType = payloadType(tensor.dtype)): Uint8Array {
  const values = valuesOf(tensor);
  if (dataType === DataType.UINT4 || dataType === DataType.INT4)
    return packLowBits(dataType === DataType.UINT4 ? 'u4' : 'i4', values);
  const array =
    dataType === DataType.FLOAT
      ? Float32Array.from(values)
      : ARRAYS[dataType as keyof typeof ARRAYS].from(values);
  return new Uint8Array(array.buffer);
}

/** An integer of a quantized type, such as a zero point. */
export function integerPayload(numbers: readonly number[], dataType: number): Uint8Array {
  if (dataType === DataType.UINT4 || dataType === DataType.INT4) {
    const dtype: Integer = dataType === DataType.UINT4 ? 'u4' : 'i4';
    return packLowBits(dtype, DTYPES[dtype].array.from(numbers));
  }
  return new Uint8Array(ARRAYS[dataType as keyof typeof ARRAYS].from(numbers).buffer);
}

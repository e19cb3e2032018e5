/**
 * Quantized ONNX files against onnxruntime: tensors of small integers, and the distance of two
 * results. Not here: any case.
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import type { DType, DTypeArray } from '../../src/core/dtype.js';
import { DataType } from '../../src/formats/onnx/data-type.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { Session } from '../../src/formats/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import { encodeOnnx, type ModelSpec, type TensorSpec } from './onnx-encoder.js';

export const MICROSOFT = [
  ['', 13],
  ['com.microsoft', 1],
] as const;

/** The same numbers every time, from -1 to 1. */
export function noise(count: number, seed = 1): Float32Array {
  let state = seed * 2654435761;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export function integers(count: number, lo: number, hi: number, seed = 1): number[] {
  return [...noise(count, seed)].map((one) =>
    Math.min(hi, lo + Math.floor(((one + 1) / 2) * (hi - lo + 1))),
  );
}

const ARRAYS = {
  [DataType.UINT8]: Uint8Array,
  [DataType.INT8]: Int8Array,
  [DataType.UINT16]: Uint16Array,
  [DataType.INT16]: Int16Array,
  [DataType.INT32]: Int32Array,
} as const;

/** raw_data of integers; two of 4 bits, or four of 2, lie in a byte, the first lowest. */
export function tensorOf(
  dataType: number,
  dims: readonly number[],
  values: readonly number[],
): TensorSpec {
  const bits =
    dataType === DataType.UINT4 || dataType === DataType.INT4
      ? 4
      : dataType === DataType.UINT2 || dataType === DataType.INT2
        ? 2
        : 0;
  if (bits === 0)
    return { dims, dataType, bytes: ARRAYS[dataType as keyof typeof ARRAYS].from(values) };
  const bytes = new Uint8Array(Math.ceil((values.length * bits) / 8));
  values.forEach((value, i) => {
    bytes[Math.floor((i * bits) / 8)]! |= (value & (2 ** bits - 1)) << ((i * bits) % 8);
  });
  return { dims, dataType, bytes };
}

export const uint8s = (dims: readonly number[], values: readonly number[]) =>
  tensorOf(DataType.UINT8, dims, values);
export const int8s = (dims: readonly number[], values: readonly number[]) =>
  tensorOf(DataType.INT8, dims, values);
export const int32s = (dims: readonly number[], values: readonly number[]) =>
  tensorOf(DataType.INT32, dims, values);

const ORT_TYPES = { f32: 'float32', u8: 'uint8', i8: 'int8', i32: 'int32' } as const;

/** y of the file: by onnxruntime, by the formulas of the imported graph's ops, by a session. */
export async function results(
  spec: ModelSpec,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<{
  wanted: number[];
  received: number[];
  ran: number[];
  kernels: string[];
  dtype: DType;
}> {
  const file = encodeOnnx(spec);
  const session = await InferenceSession.create(file, {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const inputs = Object.entries(feeds).map(
    ([name, { dtype, data, shape }]) =>
      [name, new OrtTensor(ORT_TYPES[dtype as 'f32'], data as Float32Array, [...shape])] as const,
  );
  const reference = (await session.run(Object.fromEntries(inputs))).y as OrtTensor;
  await session.release();
  const graph = importOnnx(file);
  const y = interpret(graph, feeds).y as Tensor;
  expect(y.shape).toEqual(reference.dims);
  const own = await Session.create(file, { threads: 1 });
  const ran = (await own.run(feeds)).y as Tensor;
  const products = (await own.profile(1, feeds)).filter(
    ({ op }) => op === 'conv2d' || op === 'dense',
  );
  await own.release();
  expect([ran.dtype, ran.shape]).toEqual([y.dtype, y.shape]);
  const numbers = (data: ArrayLike<unknown>) => Array.from(data, Number);
  return {
    wanted: numbers(reference.data as Float32Array),
    received: numbers(y.data),
    ran: numbers(ran.data),
    kernels: products.map(({ kernel }) => kernel),
    dtype: y.dtype,
  };
}

/** -0 and 0 are one number. */
export async function expectEqual(
  spec: ModelSpec,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<{ received: number[]; kernels: string[]; dtype: DType }> {
  const { wanted, received, ran, kernels, dtype } = await results(spec, feeds);
  expect(received.map((one) => one + 0)).toEqual(wanted.map((one) => one + 0));
  expect(ran.map((one) => one + 0)).toEqual(received.map((one) => one + 0));
  // A constant result would say nothing.
  expect(new Set(received).size).toBeGreaterThan(2);
  return { received, kernels, dtype };
}

/** Integers that are equal, but for a share of them that is one step away. */
export async function expectWithinOne(
  spec: ModelSpec,
  feeds: Readonly<Record<string, Tensor>>,
  share: number,
): Promise<void> {
  const { wanted, received, ran } = await results(spec, feeds);
  for (const numbers of [received, ran]) {
    const steps = numbers.map((one, i) => Math.abs(one - (wanted[i] as number)));
    expect(Math.max(...steps)).toBeLessThanOrEqual(1);
    expect(steps.filter((step) => step === 1).length / steps.length).toBeLessThanOrEqual(share);
  }
  expect(new Set(received).size).toBeGreaterThan(2);
}

export function feed<D extends DType>(dtype: D, data: DTypeArray<D>, shape: readonly number[]) {
  return { x: new Tensor(dtype, data, shape) };
}

/**
 * A small ONNX file of inputs and outputs of any type in a session, against onnxruntime. Not here:
 * files of one float input (./onnx-cases.ts).
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { encodeOnnx, type ModelSpec } from './onnx-encoder.js';

/** TensorProto.DataType. */
export const TYPE = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9 } as const;
type Kind = keyof typeof TYPE;

const ORT_TYPES = {
  f32: 'float32',
  u8: 'uint8',
  i8: 'int8',
  i32: 'int32',
  i64: 'int64',
  bool: 'bool',
} as const;
const ARRAYS = {
  f32: Float32Array,
  u8: Uint8Array,
  i8: Int8Array,
  i32: Int32Array,
  i64: BigInt64Array,
  bool: Uint8Array,
} as const;

export interface Feed {
  readonly kind: Kind;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export const feed = (kind: Kind, shape: readonly number[], data: readonly number[]): Feed => ({
  kind,
  shape,
  data,
});

/** The nodes over these feeds: every output agrees, integers to the bit, floats to `tolerance`. */
export async function expectOrt(
  spec: Pick<ModelSpec, 'nodes' | 'initializers'> & { readonly opset?: number },
  feeds: Readonly<Record<string, Feed>>,
  outputs: Readonly<Record<string, Kind>> = { y: 'f32' },
  tolerance = 2e-6,
): Promise<void> {
  const file = encodeOnnx({
    opset: 17,
    ...spec,
    inputs: Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, shape])),
    outputs: Object.fromEntries(Object.keys(outputs).map((name) => [name, undefined])),
    inputTypes: Object.fromEntries(
      Object.entries(feeds).map(([name, { kind }]) => [name, TYPE[kind]]),
    ),
    outputTypes: Object.fromEntries(
      Object.entries(outputs).map(([name, kind]) => [name, TYPE[kind]]),
    ),
  });
  const reference = await InferenceSession.create(file, {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const wanted = await reference.run(
    Object.fromEntries(
      Object.entries(feeds).map(([name, { kind, shape, data }]) => {
        const array =
          kind === 'i64'
            ? BigInt64Array.from(data, BigInt)
            : (ARRAYS[kind] as Float32ArrayConstructor).from(data);
        return [name, new OrtTensor(ORT_TYPES[kind], array as never, [...shape])];
      }),
    ),
  );
  await reference.release();
  const session = await Session.create(file, { threads: 1 });
  const results = await session.run(
    Object.fromEntries(
      Object.entries(feeds).map(([name, { kind, data }]) => [
        name,
        kind === 'i64'
          ? Int32Array.from(data)
          : (ARRAYS[kind] as Float32ArrayConstructor).from(data),
      ]),
    ),
  );
  await session.release();
  for (const [name, kind] of Object.entries(outputs)) {
    const [y, target] = [results[name]!, wanted[name] as OrtTensor];
    expect(y.shape, name).toEqual(target.dims);
    const numbers = Array.from(target.data as ArrayLike<number | bigint>, Number);
    if (kind !== 'f32') expect(Array.from(y.data), name).toEqual(numbers);
    else
      numbers.forEach((number, i) => {
        const what = `${name}[${i}]: ${y.data[i]}, not ${number}`;
        if (!Number.isFinite(number)) expect(y.data[i], what).toBe(number);
        else
          expect(Math.abs(y.data[i]! - number), what).toBeLessThanOrEqual(
            tolerance * Math.max(1, Math.abs(number)),
          );
      });
  }
}

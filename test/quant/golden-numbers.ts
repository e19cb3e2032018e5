/** Golden vectors of any dtype as plain numbers: maps and weights NCHW and OIHW. Not a test. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { Tensor } from '../../src/tensor/tensor.js';

const FOLDER = process.env.BITPLANE_GOLDEN ?? fileURLToPath(new URL('../golden', import.meta.url));

const ARRAYS: Readonly<Record<string, (buffer: ArrayBuffer) => ArrayLike<number | bigint>>> = {
  F32: (buffer) => new Float32Array(buffer),
  F64: (buffer) => new Float64Array(buffer),
  I64: (buffer) => new BigInt64Array(buffer),
  I32: (buffer) => new Int32Array(buffer),
  I8: (buffer) => new Int8Array(buffer),
  U8: (buffer) => new Uint8Array(buffer),
};

export interface GoldenArray {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export function goldenNumbers(name: string): Readonly<Record<string, GoldenArray>> {
  const { tensors } = readSafetensors(readFileSync(join(FOLDER, `${name}.safetensors`)));
  return Object.fromEntries(
    [...tensors].map(([key, { dtype, shape, data }]) => {
      const values = Array.from(ARRAYS[dtype]!(new Uint8Array(data).buffer), Number);
      return [key, { shape, values }];
    }),
  );
}

/** [A, B, H, W] -> [A, H, W, B], which is NCHW to NHWC and OIHW to OHWI. */
export function channelsLast({ shape, values }: GoldenArray): GoldenArray {
  const [a, b, h, w] = shape as [number, number, number, number];
  const out: number[] = [];
  for (let i = 0; i < a; i++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++)
        for (let c = 0; c < b; c++) out.push(values[((i * b + c) * h + y) * w + x] as number);
  return { shape: [a, h, w, b], values: out };
}

export function floats({ shape, values }: GoldenArray): Tensor<'f32'> {
  return new Tensor('f32', Float32Array.from(values), shape);
}

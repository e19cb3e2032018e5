/** Dtypes and shapes as one text, as `print` and errors write them: 'f32[N,4,4,8]'. Not a test. */
import { DTYPES, type DType } from '../src/core/dtype.js';
import type { Shape } from '../src/core/shape.js';

/** 'f32[N,4,4,8]' -> ['f32', ['N', 4, 4, 8]]; 'f32[]' is a scalar. */
export function typedShape(text: string): [dtype: DType, shape: Shape] {
  const [, dtype, dims] = /^(\w+)\[((?:-?[\w.]+(?:,-?[\w.]+)*)?)\]$/.exec(text) ?? [];
  if (dtype === undefined || !(dtype in DTYPES)) throw new Error(`no dtype and shape: ${text}`);
  const shape = dims === '' ? [] : dims!.split(',');
  return [dtype as DType, shape.map((dim) => (Number.isNaN(Number(dim)) ? dim : Number(dim)))];
}

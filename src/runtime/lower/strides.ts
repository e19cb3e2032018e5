/**
 * How the elements of a value lie in memory, as the fields of instructions say it: strides, and
 * boxes of up to six dimensions. Not here: which instruction.
 */
import { type DType, isByteInteger } from '../../core/dtype.js';
import { type BitplaneError, expected } from '../../core/errors.js';
import type { Value } from '../../graph/value.js';

const MAX_RANK = 6;

export function stridesOf(shape: readonly number[]): number[] {
  const strides = Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--)
    strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  return strides;
}

/** Strides that repeat a value along the axes where it has size 1 or none. */
export function broadcastStrides(x: Value, shape: readonly number[]): number[] {
  const own = stridesOf(x.shape as number[]);
  const missing = shape.length - own.length;
  return shape.map((_, i) =>
    i < missing || x.shape[i - missing] === 1 ? 0 : (own[i - missing] as number),
  );
}

/** Fields `<prefix>0 .. <prefix>5`, filled up in front with `filler`. */
export function box(
  prefix: string,
  values: readonly number[],
  filler: number,
): Record<string, number> {
  const fields: Record<string, number> = {};
  for (let i = 0; i < MAX_RANK; i++)
    fields[`${prefix}${i}`] = values[i - (MAX_RANK - values.length)] ?? filler;
  return fields;
}

/** Bytes of an element where it is moved: bits move as 32-bit pieces of their words. */
export function elementBytes(dtype: DType): 1 | 4 {
  return isByteInteger(dtype) ? 1 : 4;
}

/**
 * What instructions that compute over boxes take: elements of 4 bytes, and so many dimensions.
 * @throws BitplaneError ERR_UNSUPPORTED
 */
export function requireWords(node: Value): void {
  for (const value of [node, ...node.inputs])
    if (value.dtype !== 'f32' && value.dtype !== 'i32')
      throw unsupported('f32 or i32', value, node);
  requireRank(node);
}

/**
 * What instructions that move elements take: all but bits, and so many dimensions.
 * @throws BitplaneError ERR_UNSUPPORTED
 */
export function requireElements(node: Value): void {
  if (node.dtype === 'b1') throw unsupported('any dtype but b1', node, node);
  requireRank(node);
}

function unsupported(dtypes: string, value: Value, node: Value): BitplaneError {
  return expected('ERR_UNSUPPORTED', `operands of dtype ${dtypes}`, value.dtype, {
    op: node.op,
    node: node.name,
  });
}

function requireRank(node: Value): void {
  if (node.shape.length > MAX_RANK)
    throw expected('ERR_UNSUPPORTED', `at most ${MAX_RANK} dimensions`, node.shape.length, {
      op: node.op,
      node: node.name,
    });
}

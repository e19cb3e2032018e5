/**
 * MatMulNBits (com.microsoft): y = x * dequantized(b)' + bias. b holds N x K integers of 2, 4 or 8
 * bits, in blocks of `block_size` along K that each have a scale and a zero point; the last block
 * is padded. It stays quantized: the weights are
 *
 *   slice(reshape((cast(q) - zero) * scale))     q is [N, blocks, block_size]
 *
 * `accuracy_level` lets onnxruntime round x; x is never rounded here.
 */
import { DTYPES, type Integer } from '../../../core/dtype.js';
import { showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import { unpackLowBits } from '../../../tensor/low-bits.js';
import type { Importer, NodeContext } from '../context.js';
import { dequantized, scaleAt } from '../quantization.js';

const DTYPE: Readonly<Record<number, 'u2' | 'u4' | 'u8'>> = { 2: 'u2', 4: 'u4', 8: 'u8' };

interface Geometry {
  readonly dtype: 'u2' | 'u4' | 'u8';
  readonly rows: number;
  readonly blocks: number;
  readonly block: number;
}

export const nbitsImporters: Readonly<Record<string, Importer>> = {
  /** x, b, scales, zero points, g_idx, bias. */
  MatMulNBits(context) {
    const [depth, rows] = [context.int('K'), context.int('N')];
    const block = context.int('block_size');
    const dtype = DTYPE[context.int('bits', 4)];
    if (dtype === undefined)
      throw context.expected('ERR_UNSUPPORTED', 'bits to be 2, 4 or 8', context.int('bits', 4));
    if (depth < 1 || rows < 1 || block < 1)
      throw context.expected('ERR_FORMAT', 'K, N and block_size of 1 or more', [
        depth,
        rows,
        block,
      ]);
    if ((block * DTYPES[dtype].bits) % 8 !== 0)
      throw context.expected('ERR_UNSUPPORTED', 'a block_size that fills whole bytes', block);
    if (context.has(4)) throw context.fail('ERR_UNSUPPORTED', 'g_idx is not supported');
    const geometry = { dtype, rows, blocks: Math.ceil(depth / block), block };
    const { blocks } = geometry;

    const q = packed(context, 1, geometry);
    const scale = perBlock(context, scaleAt(context, 2), geometry);
    const zero = zeroPoints(context, geometry);
    const weights = dequantized(context, q, { scale, zero }, '/weights');
    const whole = context.make('reshape', [weights], { shape: [rows, blocks * block] }, '/rows');
    const range = { starts: [0, 0], ends: [rows, depth], steps: [1, 1] };
    const w = blocks * block === depth ? whole : context.make('slice', [whole], range, '/cut');
    const y = context.make('dense', [context.value(0), w], {});
    return context.has(5) ? context.make('add', [y, context.value(5)], {}, '/bias') : y;
  },
};

/** The integers of b, [N, blocks, bytes of a block]. */
function packed(context: NodeContext, index: number, geometry: Geometry): Value<Integer> {
  const { dtype, rows, blocks, block } = geometry;
  const bytes = bytesAt(context, index, [rows, blocks, (block * DTYPES[dtype].bits) / 8]);
  const shape = [rows, blocks, block];
  const data = unpackLowBits(dtype, bytes, 0, rows * blocks * block);
  return context.integerConstant(dtype, data, shape, '/integers');
}

/** Packed as b is, each row in whole bytes; or floats; the middle of the range by default. */
function zeroPoints(context: NodeContext, geometry: Geometry): Value {
  const { dtype, rows, blocks } = geometry;
  const { bits } = DTYPES[dtype];
  if (!context.has(3)) return context.scalar(2 ** (bits - 1), '/zero_point');
  if (context.dataTypeAt(3) === undefined) return perBlock(context, context.value(3), geometry);
  const stride = Math.ceil((blocks * bits) / 8);
  const bytes = bytesAt(context, 3, [rows, stride]);
  const numbers = () =>
    Array.from({ length: rows }, (_, row) => [
      ...unpackLowBits(dtype, bytes.subarray(row * stride), 0, blocks),
    ]).flat();
  return context.floats(rows * blocks, numbers, [rows, blocks, 1]);
}

/** UINT8 data of a number of bytes, however its shape groups them. */
function bytesAt(context: NodeContext, index: number, shape: readonly number[]): Uint8Array {
  const { value } = context.quantized(index);
  const count = shape.reduce((product, size) => product * size, 1);
  if (value.op !== 'constant' || value.dtype !== 'u8')
    throw context.expected('ERR_UNSUPPORTED', `input ${index} to be constant UINT8`, value.dtype);
  const data = value.data?.data as Uint8Array;
  if (data.length !== count)
    throw context.expected(
      'ERR_SHAPE',
      `input ${index} of shape ${showShape(shape)}`,
      showShape(value.shape),
    );
  return data;
}

function perBlock(context: NodeContext, operand: Value, { rows, blocks }: Geometry): Value {
  const shape = [rows, blocks, 1];
  const count = operand.shape.reduce<number>((all, dim) => all * (dim as number), 1);
  if (count !== rows * blocks)
    throw context.expected(
      'ERR_SHAPE',
      `one number a block, [${rows}, ${blocks}]`,
      showShape(operand.shape),
    );
  return operand.op === 'constant'
    ? context.constant(operand.data?.data as Float32Array, shape, '/per_block')
    : context.make('reshape', [operand], { shape }, '/per_block');
}

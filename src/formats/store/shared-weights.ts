/**
 * The weights that the tasks of a store share, and one task's part of them as a tensor: floats in
 * words (src/quant/formats/fused.ts), and bits of binary layers in planes. Not here: the file
 * (./store.ts).
 */
import { byteLength } from '../../core/dtype.js';
import { elementCount } from '../../core/shape.js';
import { type Dither, type Fused, split, splitPart } from '../../quant/formats/fused.js';
import { packFields, unpackFields } from '../../tensor/bit-fields.js';
import { type ByteSource, storedTensor } from '../../tensor/stored.js';
import { Tensor } from '../../tensor/tensor.js';

/** Weights of one bit: a plane of one bit a weight for each task; a set bit means -1, as in b1. */
export interface BitPlanes {
  readonly method: 'bits';
  readonly shape: readonly number[];
  /** One after another without gaps. */
  readonly planes: Uint8Array;
}

export type SharedWeights = Fused | BitPlanes;

/** How the bits below a task's own are read. */
export interface Reading {
  readonly dither: Dither;
  readonly seed: number;
}

/** Tensors of fewer bytes are floats in memory; larger ones are read out of their words. */
const LARGE_BYTES = 1 << 15;

/** Planes of the bits of tensors of one shape. */
export function joinBits(tensors: readonly Tensor<'b1'>[]): BitPlanes {
  const { shape, size } = tensors[0] as Tensor<'b1'>;
  const all = new Uint32Array(size * tensors.length);
  for (const [task, { data }] of tensors.entries())
    all.set(unpackFields(data, 1, 0, size), task * size);
  return { method: 'bits', shape, planes: packFields(all, 1) };
}

/** The weights of a task, by its number, as its network reads them: f32, or b1 of planes. */
export function weightsOfTask(weights: SharedWeights, task: number, reading: Reading): Tensor {
  const { shape } = weights;
  const size = elementCount(shape);
  if (weights.method === 'bits') {
    const bits = unpackFields(weights.planes, 1, task * size, size);
    return new Tensor('b1', packFields(bits, 1), shape);
  }
  if (byteLength('f32', size) < LARGE_BYTES) return split(weights, task, reading);
  return storedTensor('f32', shape, floatsOf(weights, task, reading));
}

/** The floats of a task as bytes, made when they are asked for. */
function floatsOf(weights: Fused, task: number, reading: Reading): ByteSource {
  const bytes = Float32Array.BYTES_PER_ELEMENT;
  return {
    read(target, from) {
      const first = Math.floor(from / bytes);
      const count = Math.ceil((from + target.length) / bytes) - first;
      const floats = splitPart(weights, task, reading, first, count);
      const skipped = from - first * bytes;
      target.set(new Uint8Array(floats.buffer, skipped, target.length));
    },
  };
}

/** Bits that a weight takes for each task together, exponents of groups not counted. */
export function bitsPerWeight(weights: SharedWeights, tasks: number): number {
  if (weights.method === 'bits') return tasks;
  const word = weights.fields.reduce((a, b) => a + b, 0);
  return word + tasks * (weights.method === 'bfp' ? 1 : 9);
}

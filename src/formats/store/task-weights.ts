/**
 * One task's part of shared weights as a tensor of its network. Not here: its codes
 * (./field-codes.ts).
 */
import { elementCount } from '../../core/shape.js';
import type { Fused } from '../../quant/formats/fused.js';
import { type Reading, splitPart } from '../../quant/formats/split.js';
import { withFields } from '../../tensor/field-weights.js';
import { type ByteSource, storedTensor } from '../../tensor/stored.js';
import type { Tensor } from '../../tensor/tensor.js';
import { fieldsFrom, packedSource } from './bits.js';
import { fieldsOfTask, valuesOf } from './field-codes.js';
import { partOfWeights, type SharedWeights } from './shared-weights.js';
import { isTrunk, type TrunkWeights, trunkPart } from './trunk-weights.js';

/**
 * The weights of a task, by its number, as its network reads them: f32, or b1 of planes. Floats are
 * made when someone asks for them; kernels read the codes of the fields.
 */
export function weightsOfTask(weights: SharedWeights, task: number, reading: Reading): Tensor {
  const { shape } = weights;
  const size = elementCount(shape);
  if (weights.method === 'bits') {
    const planes = partOfWeights(weights, 'planes');
    const bits = (first: number, count: number) =>
      fieldsFrom(planes, 1, task * size + first, count);
    return storedTensor('b1', shape, packedSource(1, size, bits));
  }
  // One tensor for all tasks: native constants are found by tensor.
  if (weights.method === 'floats') return valuesOf(weights);
  const floats = storedTensor('f32', shape, floatsOf(weights, task, reading));
  const fields = fieldsOfTask(weights, task, reading);
  return fields === undefined ? floats : withFields(floats, fields);
}

/** The floats of a task as bytes, made when they are asked for. */
function floatsOf(weights: Fused | TrunkWeights, task: number, reading: Reading): ByteSource {
  const bytes = Float32Array.BYTES_PER_ELEMENT;
  return {
    read(target, from) {
      const first = Math.floor(from / bytes);
      const count = Math.ceil((from + target.length) / bytes) - first;
      const floats = isTrunk(weights)
        ? trunkPart(weights, task, first, count)
        : splitPart(weights, task, reading, first, count);
      const skipped = from - first * bytes;
      target.set(new Uint8Array(floats.buffer, skipped, target.length));
    },
  };
}

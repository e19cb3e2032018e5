/**
 * Weights of a task that fit integers of at most 8 bits: mantissas of up to 7 bits with their sign,
 * as `cast(codes) * scale`. Layers of floats then keep them in so many bits, with the results that
 * floats give, and layers whose activations are integers sum integers. A weight of -0 becomes 0.
 * Not here: blocks, whose scales lie within rows; 8 bits and a sign, which no dtype holds.
 */
import { DTYPES, type Integer } from '../../core/dtype.js';
import { elementCount } from '../../core/shape.js';
import type { Graph, Value } from '../../graph/value.js';
import { GraphBuilder } from '../../ops/builder.js';
import { rewrite } from '../../passes/rewrite.js';
import { unitsOf } from '../../quant/formats/block-float.js';
import { type Fused, fieldShift, wordBits } from '../../quant/formats/fused.js';
import { groupsOf } from '../../quant/groups.js';
import { fieldMask } from '../../tensor/bit-fields.js';
import { type ByteSource, storedTensor } from '../../tensor/stored.js';
import { Tensor } from '../../tensor/tensor.js';
import { fieldsFrom, packedSource } from './bits.js';
import { ownExponents } from './field-codes.js';
import { partOfWeights, type SharedWeights } from './shared-weights.js';

/** Bits of a mantissa beside which a sign fits a byte. */
const MOST_BITS = 7;
/** Exponent of the least float32. */
const LEAST_EXPONENT = -149;

/** A task's graph with such weights as integers. @param find the shared weights of a constant */
export function withFewBits(
  graph: Graph,
  task: number,
  find: (constant: string) => SharedWeights | undefined,
): Graph {
  return rewrite(graph, (value, { original }) => {
    if (original.op !== 'constant') return undefined;
    const weights = find(original.name);
    if (weights?.method !== 'bfp' || !fits(weights, task)) return undefined;
    return integers(weights, task, value.name);
  });
}

function fits(weights: Fused, task: number): boolean {
  const bits = weights.fields[task] as number;
  return (
    bits <= MOST_BITS &&
    typeof weights.granularity === 'string' &&
    ownExponents(weights, task).every((exponent) => exponent - bits + 1 >= LEAST_EXPONENT)
  );
}

function integers(weights: Fused, task: number, name: string): Value {
  const bits = weights.fields[task] as number;
  const dtype = `i${bits + 1}` as Exclude<Integer, 'i32'>;
  const { shape, granularity } = weights;
  const groups = groupsOf(granularity, shape);
  const scale = Float32Array.from(unitsOf(ownExponents(weights, task), bits));
  const codes = storedTensor(dtype, shape, codesOf(weights, task, dtype));
  const g = new GraphBuilder();
  const stored = g.constant(codes, { name: `${name}.codes` }) as Value<'i8'>;
  const factor = g.constant(new Tensor('f32', scale, groups.shape), { name: `${name}.scale` });
  return g.mul(g.cast(stored, 'f32', { name: `${name}.whole` }), factor as Value<'f32'>, { name });
}

/** The signed mantissas of a task as their dtype lies on disk, made when they are asked for. */
function codesOf(weights: Fused, task: number, dtype: Integer): ByteSource {
  const { fields, shape } = weights;
  const { bits } = DTYPES[dtype];
  const size = elementCount(shape);
  const shift = fieldShift(fields, task);
  const mask = fieldMask(fields[task] as number);
  const [words, signs] = [partOfWeights(weights, 'words'), partOfWeights(weights, 'signs')];
  return packedSource(bits, size, (first, count) => {
    const codes = fieldsFrom(words, wordBits(fields), first, count);
    const negative = fieldsFrom(signs, 1, size * task + first, count);
    for (let i = 0; i < count; i++) {
      const mantissa = ((codes[i] as number) >>> shift) & mask;
      codes[i] = (negative[i] === 1 ? -mantissa : mantissa) & fieldMask(bits);
    }
    return codes;
  });
}

/**
 * Weights of a task that fit integers of at most 8 bits with their sign, as `cast(codes) * scale`:
 * mantissas of up to 7 bits, and those of 8 where few need the ninth bit and activations are
 * integers. Layers of floats then keep them in so many bits, with the results that floats give, and
 * layers whose activations are integers sum integers. A weight of -0 becomes 0. Of 8 bits:
 *
 *   w = m s = b s + (b - m) (-s)        b is m within -128 to 127
 *
 * Block floats have few large mantissas, because the largest weight decides the exponent, and b - m
 * is 0 for all others: what is left are a few integers beside the codes
 * (src/passes/few-weights.ts). Not here: blocks, whose scales lie within rows.
 */
import { DTYPES, type Integer } from '../../core/dtype.js';
import { elementCount } from '../../core/shape.js';
import { type Graph, topological, type Value } from '../../graph/value.js';
import { GraphBuilder } from '../../ops/builder.js';
import { isOp } from '../../ops/index.js';
import { integerMap } from '../../passes/integer-maps.js';
import { rewrite } from '../../passes/rewrite.js';
import { unitsOf } from '../../quant/formats/block-float.js';
import { type Fused, fieldShift, wordBits } from '../../quant/formats/fused.js';
import { groupsOf } from '../../quant/groups.js';
import { fieldMask } from '../../tensor/bit-fields.js';
import { type ByteSource, storedTensor } from '../../tensor/stored.js';
import { Tensor } from '../../tensor/tensor.js';
import { fieldsFrom, packedSource } from './bits.js';
import { once, ownExponents } from './field-codes.js';
import { partOfWeights, type SharedWeights } from './shared-weights.js';

/** Bits of a mantissa beside which a sign fits a byte. */
const MOST_BITS = 7;
/** What a byte holds. */
const [LEAST, MOST] = [-128, 127];
/** An integer beside the codes takes 32 bits: of so few, codes take no more than 9 bits each. */
const MOST_SHARE = 1 / 32;
/** Mantissas that are looked at together. */
const PART = 1 << 16;
/** Exponent of the least float32. */
const LEAST_EXPONENT = -149;

/** A task's graph with such weights as integers. @param find the shared weights of a constant */
export function withFewBits(
  graph: Graph,
  task: number,
  find: (constant: string) => SharedWeights | undefined,
): Graph {
  const fitting = (value: Value, most: number) => {
    const weights = value.op === 'constant' ? find(value.name) : undefined;
    return weights?.method === 'bfp' && isWhole(weights, task, most) ? weights : undefined;
  };
  const nine = readByIntegers(graph, (w) => fitting(w, MOST_BITS + 1) !== undefined);
  return rewrite(graph, (value, { original }) => {
    const few = fitting(original, MOST_BITS);
    if (few !== undefined) return integers(few, task, value.name);
    const weights = nine.has(original) ? fitting(original, MOST_BITS + 1) : undefined;
    return weights && shareOfLarge(weights, task) <= MOST_SHARE
      ? integersAndFew(weights, task, value.name)
      : undefined;
  });
}

/** Whether the weights of a task are whole numbers of so many bits times scales of outputs. */
export function isWhole(weights: Fused, task: number, most: number): boolean {
  const bits = weights.fields[task] as number;
  return (
    bits <= most &&
    typeof weights.granularity === 'string' &&
    ownExponents(weights, task).every((exponent) => exponent - bits + 1 >= LEAST_EXPONENT)
  );
}

/** The weights that only products of integers read. */
function readByIntegers(graph: Graph, isAsked: (w: Value) => boolean): ReadonlySet<Value> {
  const found = new Set<Value>();
  const others = new Set<Value>();
  for (const value of topological(graph)) {
    const isProduct = isOp(value, 'conv2d') || isOp(value, 'dense');
    for (const [i, input] of (value.inputs as readonly Value[]).entries()) {
      if (input.op !== 'constant' || others.has(input) || !isAsked(input)) continue;
      if (isProduct && i === 1 && integerMap(value.inputs[0] as Value)) found.add(input);
      else others.add(input);
    }
  }
  for (const other of others) found.delete(other);
  return found;
}

/** The share of 8-bit mantissas that are 128 or more; all are looked at, once. */
function shareOfLarge(weights: Fused, task: number): number {
  return once(weights, `large ${task}`, () => countedShare(weights, task));
}

function countedShare(weights: Fused, task: number): number {
  const { fields, shape } = weights;
  const size = elementCount(shape);
  const words = partOfWeights(weights, 'words');
  const top = fieldShift(fields, task) + MOST_BITS;
  let count = 0;
  for (let first = 0; first < size; first += PART)
    for (const word of fieldsFrom(words, wordBits(fields), first, Math.min(PART, size - first)))
      count += (word >>> top) & 1;
  return count / size;
}

function clamped(mantissa: number): number {
  return Math.max(LEAST, Math.min(MOST, mantissa));
}

function integers(weights: Fused, task: number, name: string): Value {
  const bits = weights.fields[task] as number;
  const dtype = `i${bits + 1}` as Exclude<Integer, 'i32'>;
  const codes = codesOf(weights, task, dtype, (m) => m);
  return scaled(new GraphBuilder(), name, codes, unitsOfTask(weights, task));
}

function integersAndFew(weights: Fused, task: number, name: string): Value {
  const g = new GraphBuilder();
  const units = unitsOfTask(weights, task);
  const own = codesOf(weights, task, 'i8', clamped);
  const few = codesOf(weights, task, 'i8', (m) => clamped(m) - m);
  const negative = new Tensor(
    'f32',
    units.data.map((unit) => -unit),
    units.shape,
  );
  return g.add(scaled(g, `${name}.most`, own, units), scaled(g, `${name}.few`, few, negative), {
    name,
  });
}

/** One number an output, or one. */
function unitsOfTask(weights: Fused, task: number): Tensor<'f32'> {
  const { shape, granularity, fields } = weights;
  const units = unitsOf(ownExponents(weights, task), fields[task] as number);
  return new Tensor('f32', Float32Array.from(units), groupsOf(granularity, shape).shape);
}

function scaled(g: GraphBuilder, name: string, codes: Tensor, scale: Tensor): Value<'f32'> {
  const stored = g.constant(codes, { name: `${name}.codes` }) as Value<'i8'>;
  const factor = g.constant(scale, { name: `${name}.scale` }) as Value<'f32'>;
  return g.mul(g.cast(stored, 'f32', { name: `${name}.whole` }), factor, { name });
}

/** What `code` makes of mantissas with their signs, as their dtype lies on disk, when asked for. */
function codesOf(
  weights: Fused,
  task: number,
  dtype: Exclude<Integer, 'i32'>,
  code: (mantissa: number) => number,
): Tensor {
  const { bits } = DTYPES[dtype];
  const source: ByteSource = packedSource(bits, elementCount(weights.shape), (first, count) => {
    const mantissas = signedMantissas(weights, task, first, count);
    const codes = new Uint32Array(count);
    for (let i = 0; i < count; i++) codes[i] = code(mantissas[i] as number) & fieldMask(bits);
    return codes;
  });
  return storedTensor(dtype, weights.shape, source);
}

function signedMantissas(weights: Fused, task: number, first: number, count: number): Int32Array {
  const { fields, shape } = weights;
  const shift = fieldShift(fields, task);
  const mask = fieldMask(fields[task] as number);
  const words = fieldsFrom(partOfWeights(weights, 'words'), wordBits(fields), first, count);
  const size = elementCount(shape);
  const signs = fieldsFrom(partOfWeights(weights, 'signs'), 1, size * task + first, count);
  const signed = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const mantissa = ((words[i] as number) >>> shift) & mask;
    signed[i] = signs[i] === 1 ? -mantissa : mantissa;
  }
  return signed;
}

/**
 * The codes of a task's weights, which kernels read in place of floats: a sign and a mantissa of
 * block floats, sign, exponent and mantissa of fields of floats, a bit of masks. They are cut out
 * of the store's bits when they are packed. Not here: floats (./shared-weights.ts).
 */
import { elementCount } from '../../core/shape.js';
import { unitsOf } from '../../quant/formats/block-float.js';
import { type Fused, fieldShift, wordBits } from '../../quant/formats/fused.js';
import { type Reading, readMantissas } from '../../quant/formats/split.js';
import { groupsOf } from '../../quant/groups.js';
import { fieldBytes } from '../../tensor/bit-fields.js';
import type { Codes, FieldWeights } from '../../tensor/field-weights.js';
import { type ByteSource, storedTensor } from '../../tensor/stored.js';
import { Tensor } from '../../tensor/tensor.js';
import { bytesFrom, fieldsFrom, packedSource } from './bits.js';
import { partOfWeights } from './shared-weights.js';
import {
  isTrunk,
  type MaskedWeights,
  type OwnedWeights,
  type TernaryWeights,
  type TrunkWeights,
} from './trunk-weights.js';

/** Bits of a payload that is a whole number as a float. */
const MOST_PAYLOAD = 24;
/** Bits of an owner that kernels read. */
const MOST_OWNER_BITS = 8;
/** Exponent of the least float32. */
const LEAST_EXPONENT = -149;
const EXPONENT_BITS = 8;

/**
 * How the weights of a task lie as codes; undefined where no code holds them, which float weights
 * then do: more than 24 bits with what stands below them, or a unit below the least float32.
 */
export function fieldsOfTask(
  weights: Fused | TrunkWeights,
  task: number,
  reading: Reading,
): FieldWeights | undefined {
  const depth = elementCount(weights.shape.slice(1));
  const whole = { row: depth, block: depth };
  if (weights.method === 'masks')
    return {
      kind: 'mask',
      codes: once(weights, `mask ${task}`, () => maskCodes(weights, task)),
      values: valuesOf(weights),
      ...whole,
    };
  if (weights.method === 'ternary')
    return {
      kind: 'signedMask',
      codes: once(weights, `signed mask ${task}`, () => signedMaskCodes(weights, task)),
      values: valuesOf(weights),
      ...whole,
    };
  if (weights.method === 'owners')
    return weights.bits > MOST_OWNER_BITS
      ? undefined
      : {
          kind: 'owner',
          codes: once(weights, 'owners', () => ownerCodes(weights)),
          values: valuesOf(weights),
          tasks: task + 1,
          ...whole,
        };
  if (isTrunk(weights)) return undefined;
  const { fields, method } = weights;
  const below = fieldShift(fields, task);
  const isAlone = reading.dither === 'mask' || below === 0;
  const codesOf = (own: number, how: Reading) => {
    const { dither, seed } = how;
    return once(weights, `codes ${own} ${dither} ${seed}`, () => fusedCodes(weights, own, how));
  };
  if (method === 'ieee754') {
    // The bits of one other task are read where they rest for that task.
    if (isAlone || reading.dither !== 'noise' || task !== fields.length - 2)
      return { kind: 'floatField', codes: codesOf(task, isAlone ? ALONE : reading), ...whole };
    const noise = codesOf(task + 1, ALONE);
    return { kind: 'floatField', codes: codesOf(task, ALONE), noise, ...whole };
  }
  const bits = (fields[task] as number) + (isAlone ? 0 : below);
  const exponents = ownExponents(weights, task);
  if (bits > MOST_PAYLOAD || exponents.some((exponent) => exponent - bits + 1 < LEAST_EXPONENT))
    return undefined;
  return {
    kind: 'blockFloat',
    codes: codesOf(task, isAlone ? ALONE : reading),
    ...once(weights, `scales ${task} ${bits}`, () => scalesOf(weights, task, bits)),
  };
}

/** Without what stands below. */
const ALONE: Reading = { dither: 'mask', seed: 0 };

const made = new WeakMap<object, Map<string, unknown>>();

/** Native constants are found by tensor: tasks and sizes share those of the same bits. */
export function once<T>(weights: object, key: string, make: () => T): T {
  const known = made.get(weights) ?? new Map<string, unknown>();
  made.set(weights, known);
  if (!known.has(key)) known.set(key, make());
  return known.get(key) as T;
}

function storedCodes(
  bits: number,
  size: number,
  part: (first: number, count: number) => Uint32Array,
): Codes {
  const source = packedSource(bits, size, part);
  return { bits, bytes: storedTensor('u8', [fieldBytes(bits, size)], source) };
}

function maskCodes(weights: MaskedWeights, task: number): Codes {
  const size = elementCount(weights.shape);
  const masks = partOfWeights(weights, 'masks');
  return storedCodes(1, size, (first, count) => fieldsFrom(masks, 1, task * size + first, count));
}

/** Whether a task takes a weight, above whether with the other sign. */
function signedMaskCodes(weights: TernaryWeights, task: number): Codes {
  const size = elementCount(weights.shape);
  const [masks, signs] = [partOfWeights(weights, 'masks'), partOfWeights(weights, 'signs')];
  return storedCodes(2, size, (first, count) => {
    const codes = fieldsFrom(masks, 1, task * size + first, count);
    const turned = fieldsFrom(signs, 1, task * size + first, count);
    for (let i = 0; i < count; i++) codes[i] = ((codes[i] as number) << 1) | (turned[i] as number);
    return codes;
  });
}

/** The owners of weights, the same for all tasks. */
function ownerCodes(weights: OwnedWeights): Codes {
  const { bits, shape } = weights;
  const owners = partOfWeights(weights, 'owners');
  return storedCodes(bits, elementCount(shape), (first, count) =>
    fieldsFrom(owners, bits, first, count),
  );
}

/** The floats that a store has once. */
export function valuesOf(weights: TrunkWeights): Tensor<'f32'> {
  return once(weights, 'values', () => storedValues(weights));
}

function storedValues(weights: TrunkWeights): Tensor<'f32'> {
  const values = partOfWeights(weights, 'values');
  const source: ByteSource = {
    read: (target, from) => target.set(bytesFrom(values, from, target.length)),
  };
  return storedTensor('f32', weights.shape, source);
}

function fusedCodes(weights: Fused, task: number, reading: Reading): Codes {
  const { fields, shape, method } = weights;
  const size = elementCount(shape);
  const isAlone = reading.dither === 'mask';
  const shift = isAlone ? fieldShift(fields, task) : 0;
  const bits = (fields[task] as number) + (isAlone ? 0 : fieldShift(fields, task));
  const isBlock = method === 'bfp';
  const [words, signs] = [partOfWeights(weights, 'words'), partOfWeights(weights, 'signs')];
  const exponents = isBlock ? undefined : partOfWeights(weights, 'exponents');
  const top = bits + (isBlock ? 0 : EXPONENT_BITS);
  return storedCodes(top + 1, size, (first, count) => {
    const codes = fieldsFrom(words, wordBits(fields), first, count);
    readMantissas(codes, fields, task, reading, first);
    const negative = fieldsFrom(signs, 1, size * task + first, count);
    const powers = exponents && fieldsFrom(exponents, EXPONENT_BITS, size * task + first, count);
    for (let i = 0; i < count; i++) {
      const exponent = powers === undefined ? 0 : (powers[i] as number) << bits;
      codes[i] = ((codes[i] as number) >>> shift) | exponent | ((negative[i] as number) << top);
    }
    return codes;
  });
}

/** Exponents of a task's groups. */
export function ownExponents({ exponents, fields }: Fused, task: number): Int16Array {
  const groups = exponents.length / fields.length;
  return (exponents as Int16Array).subarray(groups * task, groups * (task + 1));
}

/** Units as the kernel reads them: those of block 0 of all outputs, those of block 1, ... */
function scalesOf(
  weights: Fused,
  task: number,
  bits: number,
): Required<Pick<FieldWeights, 'scales' | 'row' | 'block'>> {
  const { shape, granularity } = weights;
  const units = unitsOf(ownExponents(weights, task), bits);
  const groups = groupsOf(granularity, shape);
  const [outputs = 1] = shape;
  const depth = elementCount(shape.slice(1));
  const { block = depth } = groups;
  const row = groups.block === undefined ? depth : (shape.at(-1) as number);
  const perRow = Math.ceil(row / block);
  const blocks = (depth / row) * perRow;
  const scales = Float32Array.from({ length: blocks * outputs }, (_, i) => {
    const at = Math.floor(i / outputs);
    const k = Math.floor(at / perRow) * row + (at % perRow) * block;
    return units[groups.of((i % outputs) * depth + k)] as number;
  });
  return { scales: new Tensor('f32', scales, [blocks, outputs]), row, block };
}

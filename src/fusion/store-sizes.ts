/**
 * What a store takes and what it saves, everything counted: beside separate files of 32-bit floats,
 * and beside separate files at the same widths, which is the fairer comparison. Not here: printing.
 */
import { DTYPES } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import { encodeStore, type Store, type StoredTask, taskGraph } from '../formats/store/store.js';
import { isTrunk } from '../formats/store/trunk-weights.js';
import { STORED_MANTISSA } from '../quant/formats/float-fields.js';
import type { Fused } from '../quant/formats/fused.js';
import { wordBits } from '../quant/formats/fused.js';
import { headOf } from './architecture.js';
import { requireStore } from './store-file.js';

/** Bytes by what they hold; together with the header they are the file. */
export interface StoreBytes {
  /** Words of mantissas. */
  readonly mantissas: number;
  /** Bytes of sign bits. */
  readonly signs: number;
  /** Bytes of exponents. */
  readonly exponents: number;
  /** Floats that are there once: tasks take all, or some by masks or owners. */
  readonly values: number;
  /** Planes of masks, and owners. */
  readonly masks: number;
  /** Planes of binary weights. */
  readonly planes: number;
  /** Weights and nothing else of each task's last layer. */
  readonly heads: number;
  /** All other tensors of tasks: batch norms, biases, weights that are not shared. */
  readonly others: number;
  /** The header: names, graphs, digests. */
  readonly header: number;
}

/** The count of the papers, which leaves out all but convolutions, beside ours of the same. */
export interface PapersCount {
  /** Bits a weight, of all tasks together. */
  readonly paper: number;
  /** The same by what is stored here. */
  readonly ours: number;
  /** How the paper counts. */
  readonly formula: string;
  /** Why the two differ. */
  readonly why: string;
}

/** How many bytes a store takes, and how many its networks would apart. */
export interface StoreSizes {
  /** Bytes by what they hold. */
  readonly bytes: StoreBytes;
  /** Of the file. */
  readonly total: number;
  /** Weights that are shared, of one task. */
  readonly sharedWeights: number;
  /** Bits that a shared weight takes, of all tasks together, exponents of groups counted. */
  readonly bitsPerSharedWeight: number;
  /** Bits of the file for each weight of one task, its head and all else counted. */
  readonly bitsPerWeight: number;
  /** Bytes of the tasks as files of 32-bit floats, binary weights as bits. */
  readonly separateFloats: number;
  /** Bytes of the tasks as files of their own at the widths that they have here. */
  readonly separateSame: number;
  /** Absent unless all weights are in words. */
  readonly papers?: PapersCount;
}

/**
 * What a store takes, part by part, beside its networks as separate files.
 * @throws BitplaneError ERR_ARGUMENT for what is no store
 */
export function storeSizes(store: Store): StoreSizes {
  const { weights, tasks } = requireStore(store);
  const count = { mantissas: 0, signs: 0, exponents: 0, values: 0, masks: 0, planes: 0 };
  let [shared, floats, same] = [0, 0, 0];
  for (const { weights: one } of weights) {
    const size = elementCount(one.shape);
    shared += size;
    if (one.method === 'bits') {
      count.planes += one.planes.length;
      floats += (tasks.length * size) / 8;
      same += tasks.length * Math.ceil(size / 8);
      continue;
    }
    if (isTrunk(one)) {
      count.values += one.values.byteLength;
      if ('masks' in one) count.masks += one.masks.length;
      if ('signs' in one) count.signs += one.signs.length;
      if ('owners' in one) count.masks += one.owners.length;
      floats += tasks.length * size * 4;
      same += tasks.length * size * 4;
      continue;
    }
    count.mantissas += one.words.length;
    count.signs += one.signs.length;
    count.exponents += one.exponents.byteLength;
    floats += tasks.length * size * 4;
    same += one.exponents.byteLength;
    for (const width of one.fields) same += Math.ceil((size * width) / 8) + Math.ceil(size / 8);
  }
  const heads = tasks.map((task) => bytesOf(task, headNames(store, task)));
  const own = tasks.map((task) => bytesOf(task));
  const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
  const total = encodeStore(store).length;
  const inTensors = sum(Object.values(count)) + sum(own);
  const bytes = {
    ...count,
    heads: sum(heads),
    others: sum(own) - sum(heads),
    header: total - inTensors,
  };
  const perTask = shared + sum(tasks.map(weightsOf)) / tasks.length;
  const papers = papersCount(store);
  return {
    bytes,
    total,
    sharedWeights: shared,
    bitsPerSharedWeight: (8 * sum(Object.values(count))) / shared,
    bitsPerWeight: (8 * total) / perTask,
    separateFloats: Math.ceil(floats) + sum(own) + bytes.header,
    separateSame: same + sum(own) + bytes.header,
    ...(papers && { papers }),
  };
}

function headNames(store: Store, task: StoredTask): ReadonlySet<string> {
  const head = headOf(taskGraph(store, task.name));
  return new Set(head === undefined ? [] : [head.name]);
}

function bytesOf({ parts }: StoredTask, only?: ReadonlySet<string>): number {
  let bytes = 0;
  for (const [name, { data }] of parts.tensors)
    if (only === undefined || only.has(name)) bytes += data.length;
  return bytes;
}

/** Numbers of a task that are not shared. */
function weightsOf({ parts }: StoredTask): number {
  let count = 0;
  for (const { shape } of parts.tensors.values()) count += elementCount(shape);
  return count;
}

/**
 * The table of "Improved Adapting a Single Network ..." counts alpha + 2s, and alpha + 2s + 2e for
 * the method before: alpha is 32 bits a weight, s a sign, e 8 bits of exponent.
 */
function papersCount({ weights, tasks }: Store): PapersCount | undefined {
  // The papers have no binary networks.
  if (!weights.every(({ weights: one }) => 'fields' in one)) return undefined;
  const found = weights[0]?.weights;
  if (found === undefined) return undefined;
  const { method, fields } = found as Fused;
  const k = tasks.length;
  const word = wordBits(fields);
  const { bits } = DTYPES.f32;
  if (method === 'bfp')
    return {
      paper: bits + k,
      ours: word + k,
      formula: `alpha + ${k}s`,
      why:
        `the paper's table counts a word as all of ${bits} bits; its fields take ` +
        `${fields.join(' + ')} = ${word}, as its text counts`,
    };
  return {
    paper: bits + 9 * k,
    ours: word + 9 * k,
    formula: `alpha + ${k}s + ${k}e`,
    why:
      `the paper keeps the first task's sign and exponent in the word of ${bits} bits, and again ` +
      `beside it; a word needs ${word} of ${STORED_MANTISSA} bits of mantissa`,
  };
}

/**
 * Shared weights as tensors of a store and the JSON that describes them, there and back. Not here:
 * the store (./store.ts).
 */
import { expected } from '../../core/errors.js';
import { elementCount, isSize } from '../../core/shape.js';
import { STORED_MANTISSA } from '../../quant/formats/float-fields.js';
import { type Fused, MOST_WORD_BITS, wordBits } from '../../quant/formats/fused.js';
import { groupsOf } from '../../quant/groups.js';
import { type Granularity, requireGranularity } from '../../quant/spec.js';
import { fieldBytes, unpackFields } from '../../tensor/bit-fields.js';
import type { StoredTensor } from '../safetensors/safetensors.js';
import { lengthOf } from './bits.js';
import { type SharedWeights, weightsOver } from './shared-weights.js';
import type { NamedWeights } from './store.js';
import { isTrunk, ownerBits, TRUNK_METHODS, type TrunkWeights } from './trunk-weights.js';

/** How weights are described; their tensors are `shared/NAME.PART`. */
export interface SharedEntry {
  readonly name: string;
  readonly method: SharedWeights['method'];
  readonly shape: readonly number[];
  /** Of words: bits of the fields, the first task's first. */
  readonly fields?: readonly number[];
  /** Of `bfp`. */
  readonly granularity?: Granularity;
}

const tensorName = (name: string, part: string) => `shared/${name}.${part}`;
/** floor(log2) of the least and of the greatest float32. */
const EXPONENTS = { least: -149, most: 127 };
/** The exponent field of infinity and NaN. */
const NOT_FINITE = 255;

export function encodeShared(
  name: string,
  weights: SharedWeights,
): { readonly entry: SharedEntry; readonly parts: readonly [string, StoredTensor][] } {
  const { method, shape } = weights;
  const whole = (part: string, data: Uint8Array): [string, StoredTensor] => [
    tensorName(name, part),
    { dtype: 'U8', shape: [data.length], data },
  ];
  if (method === 'bits')
    return { entry: { name, method, shape }, parts: [whole('planes', weights.planes)] };
  if (isTrunk(weights)) {
    const { values } = weights;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const planes = [
      ...('masks' in weights ? [whole('masks', weights.masks)] : []),
      ...('signs' in weights ? [whole('signs', weights.signs)] : []),
      ...('owners' in weights ? [whole('owners', weights.owners)] : []),
    ];
    return {
      entry: { name, method, shape },
      parts: [[tensorName(name, 'values'), { dtype: 'F32', shape, data: bytes }], ...planes],
    };
  }
  const { fields, granularity, words, signs, exponents } = weights;
  const { buffer, byteOffset, byteLength, length } = exponents;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return {
    entry: { name, method, shape, fields, ...(method === 'bfp' && { granularity }) },
    parts: [
      whole('words', words),
      whole('signs', signs),
      [
        tensorName(name, 'exponents'),
        { dtype: method === 'bfp' ? 'I16' : 'U8', shape: [length], data: bytes },
      ],
    ],
  };
}

/**
 * The weights that an entry describes; their tensors are taken out of `unread`.
 * @throws BitplaneError ERR_FORMAT naming the tensor
 */
export function readShared(
  { name, method, shape, fields, granularity }: SharedEntry,
  tasks: number,
  unread: Map<string, StoredTensor>,
  node: string | undefined,
): NamedWeights {
  const site = { op: 'store', node };
  if (typeof name !== 'string' || !Array.isArray(shape) || !shape.every(isSize))
    throw expected('ERR_FORMAT', 'shared weights with a name and a shape', name, site);
  const size = elementCount(shape);
  const take = (part: string, dtype: string, bytes: number): StoredTensor => {
    const tensor = tensorName(name, part);
    const found = unread.get(tensor);
    unread.delete(tensor);
    if (found?.dtype === dtype && lengthOf(found) === bytes) return found;
    throw expected(
      'ERR_FORMAT',
      `a tensor ${JSON.stringify(tensor)}, ${dtype}, of ${bytes} bytes`,
      found === undefined ? 'none' : `${found.dtype} of ${lengthOf(found)}`,
      site,
    );
  };
  if (method === 'bits') {
    const planes = take('planes', 'U8', fieldBytes(1, size * tasks));
    return { name, weights: weightsOver({ method, shape }, { planes }) };
  }
  if (isTrunk({ method })) {
    const values = take('values', 'F32', 4 * size);
    const planes = (part: string) => take(part, 'U8', fieldBytes(1, size * tasks));
    const weights = trunkOver(method);
    const bad = weights.values.find((value) => !Number.isFinite(value));
    if (bad !== undefined)
      throw expected('ERR_FORMAT', `finite numbers in ${JSON.stringify(name)}`, bad, site);
    return { name, weights };

    function trunkOver(kind: string): TrunkWeights {
      if (kind === 'floats') return weightsOver({ method: 'floats', shape }, { values });
      if (kind === 'masks')
        return weightsOver({ method: 'masks', shape }, { values, masks: planes('masks') });
      if (kind === 'ternary') {
        const [masks, signs] = [planes('masks'), planes('signs')];
        return weightsOver({ method: 'ternary', shape }, { values, masks, signs });
      }
      const bits = ownerBits(tasks);
      const owners = take('owners', 'U8', fieldBytes(bits, size));
      if (unpackFields(owners.data, bits, 0, size).some((owner) => owner > tasks))
        throw expected(
          'ERR_FORMAT',
          `owners among ${tasks} tasks in ${JSON.stringify(name)}`,
          'another number',
          site,
        );
      return weightsOver({ method: 'owners', shape, bits }, { values, owners });
    }
  }
  if (method !== 'bfp' && method !== 'ieee754')
    throw expected(
      'ERR_FORMAT',
      `weights of bfp, ieee754, ${TRUNK_METHODS.join(', ')} or bits`,
      method,
      site,
    );
  requireFields(fields, method, tasks, site);
  const shared: Granularity = granularity ?? 'tensor';
  requireGranularity(shared, site);
  const words = take('words', 'U8', fieldBytes(wordBits(fields), size));
  const signs = take('signs', 'U8', fieldBytes(1, size * tasks));
  const exponents =
    method === 'ieee754'
      ? take('exponents', 'U8', size * tasks)
      : take('exponents', 'I16', 2 * groupsOf(shared, shape).count * tasks);
  const weights = weightsOver(
    { method, shape, fields, granularity: shared },
    { words, signs, exponents },
  );
  const isOutside =
    method === 'ieee754'
      ? (exponent: number) => exponent === NOT_FINITE
      : (exponent: number) => exponent < EXPONENTS.least || exponent > EXPONENTS.most;
  const outside = (weights.exponents as Uint8Array).find(isOutside);
  if (outside !== undefined)
    throw expected(
      'ERR_FORMAT',
      `exponents of finite numbers in ${JSON.stringify(name)}`,
      outside,
      site,
    );
  return { name, weights };
}

function requireFields(
  fields: readonly number[] | undefined,
  method: Fused['method'],
  tasks: number,
  site: { op: string; node: string | undefined },
): asserts fields is readonly number[] {
  const [least, most, sum] =
    method === 'bfp'
      ? [1, STORED_MANTISSA + 1, MOST_WORD_BITS]
      : [0, STORED_MANTISSA, STORED_MANTISSA];
  if (
    !Array.isArray(fields) ||
    fields.length !== tasks ||
    !fields.every((bits) => isSize(bits) && bits >= least && bits <= most) ||
    wordBits(fields) > sum
  )
    throw expected('ERR_FORMAT', `a field for each of ${tasks} tasks in ${sum} bits`, fields, site);
}

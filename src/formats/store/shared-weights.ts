/**
 * The weights that the tasks of a store share: floats in words (src/quant/formats/fused.ts), floats
 * that are there once (./trunk-weights.ts), and bits of binary layers in planes; in memory, or as
 * tensors of a file. Not here: the file (./store.ts), one task's part (./task-weights.ts).
 */
import { type ErrorSite, expected } from '../../core/errors.js';
import type { Fused } from '../../quant/formats/fused.js';
import { packFields, unpackFields } from '../../tensor/bit-fields.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { StoredTensor } from '../safetensors/safetensors.js';
import type { MaskedWeights, TrunkWeights } from './trunk-weights.js';

/** Weights of one bit: a plane of one bit a weight for each task; a set bit means -1, as in b1. */
export interface BitPlanes {
  /** What tells them from weights of other methods. */
  readonly method: 'bits';
  /** Sizes of the axes. */
  readonly shape: readonly number[];
  /** One after another without gaps. */
  readonly planes: Uint8Array;
}

/** Weights that the tasks of a store share, by how they are kept. */
export type SharedWeights = Fused | BitPlanes | TrunkWeights;

/** How the bits below a task's own are read. */
export type { Reading } from '../../quant/formats/split.js';

/** The names of what holds the bits of weights. */
type PartOf<W> = W extends { readonly method: infer _ }
  ? Extract<keyof W, 'words' | 'signs' | 'exponents' | 'values' | 'masks' | 'owners' | 'planes'>
  : never;
type Parts<W> = { readonly [P in PartOf<W>]: StoredTensor };

const stored = new WeakMap<SharedWeights, Readonly<Record<string, StoredTensor>>>();

/** Weights whose parts are tensors of a file; they are read whole only when someone asks so. */
export function weightsOver<const M extends SharedWeights['method']>(
  description: Omit<Extract<SharedWeights, { method: M }>, PartOf<SharedWeights>> & { method: M },
  parts: Parts<Extract<SharedWeights, { method: M }>>,
): Extract<SharedWeights, { method: M }> {
  const weights = { ...description } as unknown as Extract<SharedWeights, { method: M }>;
  for (const [name, tensor] of Object.entries<StoredTensor>(parts))
    Object.defineProperty(weights, name, { enumerable: true, get: elementsOf(tensor) });
  stored.set(weights, parts);
  return weights;
}

/** Elements are aligned; bytes are as they lie. */
function elementsOf(tensor: StoredTensor): () => Uint8Array | Int16Array | Float32Array {
  if (tensor.dtype === 'U8') return () => tensor.data;
  const Kind = tensor.dtype === 'F32' ? Float32Array : Int16Array;
  let held: WeakRef<Int16Array | Float32Array> | undefined;
  return () => {
    let elements = held?.deref();
    if (elements === undefined) {
      elements = new Kind(new Uint8Array(tensor.data).buffer);
      held = new WeakRef(elements);
    }
    return elements;
  };
}

/** A part of weights as a tensor, of which parts can be read. */
export function partOfWeights<W extends SharedWeights>(weights: W, part: PartOf<W>): StoredTensor {
  const tensor = stored.get(weights)?.[part as string];
  if (tensor !== undefined) return tensor;
  const { buffer, byteOffset, byteLength: length } = weights[part as keyof W] as Uint8Array;
  const data = new Uint8Array(buffer, byteOffset, length);
  return { dtype: 'U8', shape: [length], data };
}

/** Planes of the bits of tensors of one shape. */
export function joinBits(tensors: readonly Tensor<'b1'>[]): BitPlanes {
  const { shape, size } = tensors[0] as Tensor<'b1'>;
  const all = new Uint32Array(size * tensors.length);
  for (const [task, { data }] of tensors.entries())
    all.set(unpackFields(data, 1, 0, size), task * size);
  return { method: 'bits', shape, planes: packFields(all, 1) };
}

/**
 * Floats of one shape that are 0 or the same number in every task. A weight of -0 becomes 0.
 * @throws BitplaneError ERR_ARGUMENT for two numbers in one place
 */
export function joinMasks(tensors: readonly Tensor<'f32'>[], site: ErrorSite): MaskedWeights {
  const { shape, size } = tensors[0] as Tensor<'f32'>;
  const values = new Float32Array(size);
  const taken = new Uint32Array(size * tensors.length);
  for (const [task, { data }] of tensors.entries())
    for (let i = 0; i < size; i++) {
      const value = data[i] as number;
      if (value === 0) continue;
      if (values[i] !== 0 && values[i] !== value)
        throw expected(
          'ERR_ARGUMENT',
          `weights that are 0 or the same in all tasks, ${values[i]} as element ${i},`,
          value,
          site,
        );
      values[i] = value;
      taken[task * size + i] = 1;
    }
  return { method: 'masks', shape, values, masks: packFields(taken, 1) };
}

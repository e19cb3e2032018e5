/**
 * Floats that a store has once, and what of them each task takes: all, those of its mask, those of
 * its mask with signs of its own, or those that it or a task before it owns. Not here: the file
 * (./encode-shared.ts), training (src/fusion).
 */
import { unpackFields } from '../../tensor/bit-fields.js';

/** Every task takes every weight. */
export interface WholeWeights {
  /** What tells them from weights of other methods. */
  readonly method: 'floats';
  /** Sizes of the axes. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

/** A plane of one bit a weight for each task: 1 where it takes the weight, which is 0 otherwise. */
export interface MaskedWeights {
  /** What tells them from weights of other methods. */
  readonly method: 'masks';
  /** Sizes of the axes. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
  /** Planes one after another without gaps. */
  readonly masks: Uint8Array;
}

/** The same, and a plane for each task with 1 where it takes the weight with the other sign. */
export interface TernaryWeights {
  /** What tells them from weights of other methods. */
  readonly method: 'ternary';
  /** Sizes of the axes. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
  /** Planes one after another without gaps: 1 where a task takes the weight. */
  readonly masks: Uint8Array;
  /** Planes one after another without gaps: 1 where a task takes it with the other sign. */
  readonly signs: Uint8Array;
}

/**
 * The owner of each weight: 0 for nobody, k for the k-th task. A task takes its own weights and
 * those of the tasks before it.
 */
export interface OwnedWeights {
  /** What tells them from weights of other methods. */
  readonly method: 'owners';
  /** Sizes of the axes. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
  /** Bits of an owner: as many as nobody and each task need. */
  readonly bits: number;
  /** One owner a weight, without gaps. */
  readonly owners: Uint8Array;
}

/** Floats that a store has once, by what of them each task takes. */
export type TrunkWeights = WholeWeights | MaskedWeights | TernaryWeights | OwnedWeights;

/** The methods in the order of what they can say; `owners` stands apart. */
export const TRUNK_METHODS = ['floats', 'masks', 'ternary', 'owners'] as const;

export function isTrunk(weights: { readonly method: string }): weights is TrunkWeights {
  return (TRUNK_METHODS as readonly string[]).includes(weights.method);
}

/** Bits of an owner among so many tasks: as many as nobody and each of them need. */
export function ownerBits(tasks: number): number {
  return Math.ceil(Math.log2(tasks + 1));
}

/** Weights [first, first + count) of a task, by its number from 0. */
export function trunkPart(
  weights: TrunkWeights,
  task: number,
  first: number,
  count: number,
): Float32Array {
  const { values } = weights;
  const part = values.slice(first, first + count);
  if (weights.method === 'floats') return part;
  const own = values.length * task + first;
  if (weights.method === 'owners') {
    const owners = unpackFields(weights.owners, weights.bits, first, count);
    for (let i = 0; i < part.length; i++)
      if (owners[i] === 0 || (owners[i] as number) > task + 1) part[i] = 0;
    return part;
  }
  const taken = unpackFields(weights.masks, 1, own, count);
  const turned = weights.method === 'ternary' ? unpackFields(weights.signs, 1, own, count) : taken;
  const sign = weights.method === 'ternary' ? -1 : 1;
  for (let i = 0; i < part.length; i++)
    if (taken[i] === 0) part[i] = 0;
    else if (turned[i] === 1) part[i]! *= sign;
  return part;
}

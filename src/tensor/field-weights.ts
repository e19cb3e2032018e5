/**
 * Floats that are fields of words which several networks share. The tensor is an ordinary one, of
 * floats that are made when someone asks for them; a kernel reads the codes of the fields instead
 * (native/kernels/fconv, whose formula says what a code stands for). Not here: the words
 * (src/quant/formats/fused.ts), who cuts codes out of them (src/formats/store).
 */
import type { Tensor } from './tensor.js';

/** In the order of the field `kind` of the instruction. */
export const FIELD_KINDS = ['blockFloat', 'floatField', 'mask', 'signedMask', 'owner'] as const;

/** A code a weight, without gaps (./bit-fields.ts). */
export interface Codes {
  readonly bits: number;
  readonly bytes: Tensor<'u8'>;
}

export interface FieldWeights {
  readonly kind: (typeof FIELD_KINDS)[number];
  readonly codes: Codes;
  /** Of `blockFloat`, [blocks, O]. */
  readonly scales?: Tensor<'f32'>;
  /** Of masks and owners: what all networks share, in the tensor's own order. */
  readonly values?: Tensor<'f32'>;
  /** Of `floatField`: the codes whose mantissas stand below its own. */
  readonly noise?: Codes;
  /** Of `owner`: owners from 1 to this one are those whose weights the network has. */
  readonly tasks?: number;
  /** Products of an output that begin blocks anew, and those of a block, which share a scale. */
  readonly row: number;
  readonly block: number;
}

const known = new WeakMap<Tensor, FieldWeights>();

/** The tensor, whose codes `fieldsOf` finds from now on. */
export function withFields<T extends Tensor>(tensor: T, fields: FieldWeights): T {
  known.set(tensor, fields);
  return tensor;
}

export function fieldsOf(tensor: Tensor): FieldWeights | undefined {
  return known.get(tensor);
}

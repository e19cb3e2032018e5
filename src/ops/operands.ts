/**
 * Checks that shape rules share: dtypes, ranks and lengths of operands. Not here: arithmetic on
 * shapes (./shapes.ts).
 */
import type { DType } from '../core/dtype.js';
import { type BitplaneError, type ErrorCode, expected } from '../core/errors.js';
import { type Dim, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import type { NodeDraft } from './op.js';

/** The error of a draft: it names the op and the node. */
export function mismatch(
  draft: NodeDraft,
  code: ErrorCode,
  what: string,
  received: unknown,
): BitplaneError {
  return expected(code, what, received, { op: draft.op, node: draft.name });
}

/** An operand by its declared name, of one of the given dtypes (any, if none is given). */
export function operand<const D extends DType = DType>(
  draft: NodeDraft,
  name: string,
  ...dtypes: readonly D[]
): Value<D> {
  const value = draft.inputs[draft.operands.indexOf(name)] as Value;
  if (dtypes.length > 0 && !dtypes.includes(value.dtype as D)) {
    throw mismatch(draft, 'ERR_DTYPE', `${name} of dtype ${dtypes.join(' or ')}`, value.dtype);
  }
  return value as Value<D>;
}

export function requireRank(draft: NodeDraft, name: string, value: Value, rank: number): void {
  if (value.shape.length !== rank)
    throw mismatch(draft, 'ERR_SHAPE', `${name} of rank ${rank}`, showShape(value.shape));
}

export function requireRankAtLeast(
  draft: NodeDraft,
  name: string,
  value: Value,
  rank: number,
): void {
  if (value.shape.length < rank)
    throw mismatch(draft, 'ERR_SHAPE', `${name} of rank ${rank} or more`, showShape(value.shape));
}

/** A vector with one element a channel. */
export function requireChannels(draft: NodeDraft, name: string, value: Value, channels: Dim): void {
  if (value.shape.length !== 1 || value.shape[0] !== channels) {
    throw mismatch(draft, 'ERR_SHAPE', `${name} of shape [${channels}]`, showShape(value.shape));
  }
}

/** A dimension that must be known: channels, kernel sizes, the axis of a concatenation. */
export function requireNumber(draft: NodeDraft, what: string, dim: Dim | undefined): number {
  if (typeof dim !== 'number')
    throw mismatch(draft, 'ERR_SHAPE', `${what} to be a number, not a symbol`, String(dim));
  return dim;
}

export function requireAxis(draft: NodeDraft, axis: number, rank: number): void {
  if (axis >= rank) throw mismatch(draft, 'ERR_SHAPE', `an axis below the rank, ${rank}`, axis);
}

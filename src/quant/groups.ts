/**
 * Which elements of a tensor share a scale. Weights are [O, ...], their output channels axis 0;
 * activations are [..., C], their channels the last axis. Not here: the scales (./affine.ts).
 */
import { expected } from '../core/errors.js';
import type { Granularity } from './spec.js';

/** Whose granularity it is: it tells the axis of the channels. */
export type Role = 'weights' | 'activations';

export interface Groups {
  readonly count: number;
  /** The group of element i, in row-major order. */
  of(i: number): number;
  /** The shape in which one number a group broadcasts over the elements, but for blocks. */
  readonly shape: readonly number[];
  /** Elements of the last axis in one group, for blocks alone; the last block may be shorter. */
  readonly block?: number;
}

/** @throws BitplaneError ERR_SHAPE for channels or blocks of a scalar, ERR_ARGUMENT */
export function groupsOf(
  granularity: Granularity,
  shape: readonly number[],
  role: Role = 'weights',
): Groups {
  if (granularity === 'tensor') return { count: 1, of: () => 0, shape: [] };
  if (shape.length === 0)
    throw expected('ERR_SHAPE', 'channels that share a scale', 'a scalar', { op: 'quantize' });
  const last = shape[shape.length - 1] as number;
  if (granularity === 'channel') {
    if (role === 'activations') return { count: last, of: (i) => i % last, shape: [last] };
    const channels = shape[0] as number;
    const each = shape.slice(1).reduce((product, size) => product * size, 1);
    return {
      count: channels,
      of: (i) => Math.floor(i / each),
      shape: [channels, ...shape.slice(1).map(() => 1)],
    };
  }
  if (role === 'activations')
    throw expected('ERR_ARGUMENT', "'tensor' or 'channel' for activations", 'blocks', {
      op: 'quantize',
    });
  const { block } = granularity;
  const blocks = Math.ceil(last / block);
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  return {
    count: rows * blocks,
    of: (i) => Math.floor(i / last) * blocks + Math.floor((i % last) / block),
    shape: [...shape.slice(0, -1), blocks, 1],
    block,
  };
}

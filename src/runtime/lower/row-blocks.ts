/**
 * How the rows of x [..., C] are cut for sums down the rows: blocks that depend on the shape alone,
 * so that the sums are the same bits on every instruction set and for any number of threads. Not
 * here: the sums (native/kernels/statistics).
 */
import type { Value } from '../../graph/value.js';
import { rowCount } from '../../ops/moments.js';
import { type Scratch, scratch } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';

/** A wide row fills vectors: at least 64 columns, whole vectors of 16. */
const WIDE = 64;
const VECTOR = 16;
/** Two blocks fit L2 with room to spare, and the sums of each are few beside it. */
const BLOCK_FLOATS = 1 << 13;
/** The most is kMostBlockRows in native/kernels/statistics/statistics.h. */
const [LEAST_ROWS, MOST_ROWS] = [64, 256];

export interface RowBlocks {
  readonly rows: number;
  readonly c: number;
  /** Rows taken as one. */
  readonly fold: number;
  /** Wide rows of a block. */
  readonly block: number;
}

export function rowBlocks(x: Value): RowBlocks {
  const rows = rowCount(x);
  const c = x.shape.at(-1) as number;
  let fold = 1;
  if (c < WIDE) while (fold * c < WIDE || (fold * c) % VECTOR !== 0) fold *= 2;
  const block = Math.floor(BLOCK_FLOATS / (fold * c));
  return { rows, c, fold, block: Math.max(LEAST_ROWS, Math.min(MOST_ROWS, block)) };
}

/** Memory for `sums` rows of sums a block, which the call being lowered has for itself. */
export function partsOf(
  node: Value,
  { rows, c, fold, block }: RowBlocks,
  sums: number,
  context: LoweringContext,
): Scratch {
  const blocks = Math.ceil(Math.floor(rows / fold) / block) + (rows % fold > 0 ? 1 : 0);
  const pitch = Math.ceil((fold * c) / VECTOR) * VECTOR;
  const memory = scratch(`${node.name}.parts`, 'f32', [blocks, sums, pitch]);
  context.demands.push(memory);
  return memory;
}

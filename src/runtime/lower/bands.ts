/**
 * Lowers a banded kernel: the instructions of its parts, over rows of what lies in memory. Not
 * here: which rows (src/passes/bands.ts).
 */
import type { BandedKernel, Part } from '../../passes/bands.js';
import type { LoweringContext } from './context.js';
import { lower } from './index.js';
import { lowerCopy } from './strided-copy.js';

/** Calls `lowered` after every part. */
export function lowerBands(
  kernel: BandedKernel,
  context: LoweringContext,
  lowered: (part: Part) => void,
): void {
  for (const [value, { of, offset }] of kernel.views) context.show(value, of, offset);
  for (const part of kernel.parts) {
    if ('run' in part) lower(part.run, context);
    else lowerCopy(part.from, part.to, context);
    lowered(part);
  }
}

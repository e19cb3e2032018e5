/**
 * Lowers a pair of layers that is cut into strips: the instructions of its parts, over rows of what
 * lies in memory. Not here: which rows (src/schedule/strips.ts).
 */
import type { StripedCall, StripPart } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { lower } from './index.js';
import { lowerCopy } from './strided-copy.js';

/** Calls `lowered` after every part. */
export function lowerStrips(
  call: StripedCall,
  context: LoweringContext,
  lowered: (part: StripPart) => void,
): void {
  for (const [value, { of, offset }] of call.views) context.show(value, of, offset);
  for (const part of call.parts) {
    if ('run' in part) lower(part.run, context);
    else lowerCopy(part.from, part.to, context);
    lowered(part);
  }
}

/** slice: a strided copy. */
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { emitCopy } from './strided-copy.js';
import { requireElements, stridesOf } from './strides.js';

export function lowerSlice({ anchor: node }: KernelCall, context: LoweringContext): void {
  requireElements(node);
  const x = node.inputs[0] as Value;
  const { starts, steps } = node.attrs as { starts: readonly number[]; steps: readonly number[] };
  const strides = stridesOf(x.shape as number[]);
  const sizes = node.shape as readonly number[];
  const xOffset = starts.reduce((offset, start, i) => offset + start * (strides[i] as number), 0);
  emitCopy(context, node, {
    x,
    xOffset,
    yOffset: 0,
    sizes,
    xStrides: strides.map((s, i) => s * (steps[i] as number)),
    yStrides: stridesOf(sizes),
  });
}

/**
 * Arithmetic on shapes with symbols: broadcasting, and what a sliding window leaves. Not here:
 * which op uses which. A symbol equals only itself; nothing is ever computed from one.
 */
import type { Dim, Shape } from '../core/shape.js';
import { showShape } from '../core/shape.js';
import type { NodeDraft } from './op.js';
import { mismatch } from './operands.js';

/** The numpy rule: shapes are aligned at their ends, and a 1 stretches. */
export function broadcast(draft: NodeDraft, ...shapes: readonly Shape[]): Dim[] {
  const rank = shapes.reduce((most, shape) => Math.max(most, shape.length), 0);
  const result: Dim[] = new Array<Dim>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      const dim = shape[i] as Dim;
      if (dim === 1 || dim === result[at]) continue;
      if (result[at] !== 1)
        throw mismatch(
          draft,
          'ERR_SHAPE',
          'shapes that broadcast together',
          shapes.map(showShape).join(' and '),
        );
      result[at] = dim;
    }
  }
  return result;
}

/** One spatial axis of a convolution or pooling: `before` and `after` are its padding. */
export interface Window {
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

/** How far a window reaches: dilation * (size - 1) + 1. */
function reach(window: Window): number {
  return window.dilation * (window.size - 1) + 1;
}

/**
 * How many windows fit: floor((size + before + after - reach) / stride) + 1. With `ceil` one that
 * hangs over the end counts too, unless it would start past the last element and the padding before
 * it (PyTorch's rule, and ONNX's since opset 22). A symbolic size passes through an axis that keeps
 * its size, and no other.
 */
export function windows(
  draft: NodeDraft,
  axis: string,
  size: Dim,
  window: Window,
  ceil = false,
): Dim {
  const padding = window.before + window.after;
  if (typeof size === 'string') {
    if (window.stride === 1 && padding === reach(window) - 1) return size;
    throw mismatch(draft, 'ERR_SHAPE', `a ${axis} that is a number, as this op changes it`, size);
  }
  const room = size + padding - reach(window);
  if (room < 0)
    throw mismatch(
      draft,
      'ERR_SHAPE',
      `a ${axis} of at least ${reach(window) - padding} for this window`,
      size,
    );
  if (!ceil) return Math.floor(room / window.stride) + 1;
  const count = Math.ceil(room / window.stride) + 1;
  return (count - 1) * window.stride >= size + window.before ? count - 1 : count;
}

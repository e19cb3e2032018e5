/**
 * The shape rule and the walk that maxPool2d and avgPool2d share: windows over x [N, H, W, C], each channel by itself.
 * Not here: what is made of a window (./max-pool2d.ts, ./avg-pool2d.ts).
 */
import type { Dim, Shape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import { valuesOf } from '../tensor/values.js';
import { isBoolean, isPositivePair, isSides, type Pair, type Sides } from './attributes.js';
import type { NodeDraft } from './op.js';
import { mismatch, requireRank } from './operands.js';
import { type Window, windows } from './shapes.js';

export type Pool2dAttrs = {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly pads: Sides;
  readonly dilations: Pair;
  /** Round the output size up instead of down. */
  readonly ceil: boolean;
};

export const POOL2D_ATTRIBUTES = {
  kernel: isPositivePair,
  strides: isPositivePair,
  pads: isSides,
  dilations: isPositivePair,
  ceil: isBoolean,
};

/** The windows along height (0) and width (1). */
function along(axis: 0 | 1, { kernel, strides, pads, dilations }: Pool2dAttrs): Window {
  return { size: kernel[axis], stride: strides[axis], dilation: dilations[axis], before: pads[axis], after: pads[axis + 2]! };
}

export function poolShape(draft: NodeDraft<Pool2dAttrs>, x: Value): Shape {
  requireRank(draft, 'x', x, 4);
  const sizes = (['height', 'width'] as const).map((name, i) => {
    const axis = i as 0 | 1;
    const window = along(axis, draft.attrs);
    const size = x.shape[axis + 1]!;
    const count = windows(draft, name, size, window, draft.attrs.ceil);
    requireElements(draft, name, size, count, window);
    return count;
  });
  return [x.shape[0]!, sizes[0]!, sizes[1]!, x.shape[3]!];
}

/** A window of nothing but padding has no largest element and no mean. */
function requireElements(draft: NodeDraft, axis: string, size: Dim, count: Dim, window: Window): void {
  if (typeof size === 'string' || typeof count === 'string') {
    // The smallest size a symbol may stand for: one element meets each window only if padding stays below the kernel's reach on both sides,
    // and dilation leaves no gap for it to fall into.
    if (window.before + window.after > 0 && window.dilation > 1) {
      throw mismatch(draft, 'ERR_SHAPE', `a ${axis} that is a number, as the dilated window is padded`, size);
    }
    return;
  }
  for (let i = 0; i < count; i++) {
    const start = i * window.stride - window.before;
    const skipped = start < 0 ? Math.ceil(-start / window.dilation) : 0;
    if (skipped >= window.size || start + skipped * window.dilation >= size) {
      throw mismatch(
        draft,
        'ERR_SHAPE',
        `padding that leaves an element of x in every window along the ${axis}`,
        `[${window.before}, ${window.after}]`,
      );
    }
  }
}

/**
 * Calls `visit(elements, cells)` for each element of the result in order: the elements of x in its window, and how many cells of the padded
 * x the window covers (a window that hangs over the end under `ceil` covers fewer than the kernel has).
 */
export function eachWindow(
  x: Tensor,
  attrs: Pool2dAttrs,
  shape: readonly number[],
  visit: (elements: number[], cells: number) => void,
): void {
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const [batch, oh, ow] = shape as [number, number, number];
  const { kernel, strides, pads, dilations } = attrs;
  const data = valuesOf(x);
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < oh; p++) {
      for (let q = 0; q < ow; q++) {
        for (let c = 0; c < channels; c++) {
          const elements: number[] = [];
          let cells = 0;
          for (let i = 0; i < kernel[0]; i++) {
            const row = p * strides[0] + i * dilations[0] - pads[0];
            for (let j = 0; j < kernel[1]; j++) {
              const column = q * strides[1] + j * dilations[1] - pads[1];
              if (row < height + pads[2] && column < width + pads[3]) cells++;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              elements.push(data[((n * height + row) * width + column) * channels + c]!);
            }
          }
          visit(elements, cells);
        }
      }
    }
  }
}

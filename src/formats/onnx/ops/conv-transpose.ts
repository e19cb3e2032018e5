/**
 * ConvTranspose: the gradient of a convolution with respect to its input, for x in place of the
 * gradient of its result. Not here: Conv (./conv.ts).
 */
import { isSize } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import {
  autoPad,
  kernelOf,
  onMaps,
  type Pair,
  pairOf,
  requireWeights,
  sides,
  sizesOf,
  spatialAxes,
  weightsLast,
} from './window.js';

export const convTransposeImporters: Readonly<Record<string, Importer>> = {
  /** x [N, C, H, W], weights [C, O / groups, kh, kw], a bias [O]; signals likewise. */
  ConvTranspose(context) {
    const [x, w] = [context.value(0), context.value(1)];
    requireWeights(context, x, w);
    const axes = spatialAxes(context, x);
    const kernel = sizesOf(context, 'kernel_shape', kernelOf(context, w), axes);
    const strides = pairOf(context, 'strides', axes);
    const dilations = pairOf(context, 'dilations', axes);
    const weights = weightsLast(context, w);
    const spans = spansOf(context, x, { kernel, strides, dilations });
    const attrs = {
      strides,
      dilations,
      pads: [spans[0].before, spans[1].before, spans[0].after, spans[1].after],
      groups: context.int('group', 1),
      height: spans[0].size,
      width: spans[1].size,
    };
    return onMaps(context, x, (map) => {
      const y = context.make('conv2dInputGradient', [map, weights], attrs);
      const [bottom, right] = [spans[0].beyond, spans[1].beyond];
      const whole =
        bottom + right === 0
          ? y
          : context.make(
              'pad',
              [y],
              { pads: [0, 0, 0, 0, 0, bottom, right, 0], value: 0 },
              '/whole',
            );
      return context.has(2) ? context.make('add', [whole, context.value(2)], {}, '/bias') : whole;
    });
  },
};

interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
}

/** One axis of the result. */
interface Span {
  /** The size of the convolution's input. */
  readonly size: number;
  readonly before: number;
  readonly after: number;
  /** Elements behind it that nothing reaches. */
  readonly beyond: number;
}

/**
 * Without pads, n elements reach over (n - 1) * stride + reach; pads cut off both ends of that, and
 * output_padding gives back some of the end, or adds zeros there.
 */
function spansOf(
  context: NodeContext,
  x: Value,
  { kernel, strides, dilations }: Window,
): readonly [Span, Span] {
  const axes = spatialAxes(context, x);
  const mode = autoPad(context);
  const pads = mode === 'NOTSET' ? sides(context, axes) : [0, 0, 0, 0];
  const more = pairOf(context, 'output_padding', axes, 0);
  const asked = context.intList('output_shape')?.slice(-axes);
  const along = (axis: 0 | 1): Span => {
    if (axes === 1 && axis === 0) return { size: 1, before: 0, after: 0, beyond: 0 };
    const at = axes === 1 ? 2 : axis + 2;
    const count = x.shape[at];
    if (!isSize(count) || count === 0)
      throw context.expected('ERR_UNSUPPORTED', `a size that is a number on axis ${at}`, count);
    const [stride, reach] = [strides[axis], (kernel[axis] - 1) * dilations[axis] + 1];
    const whole = (count - 1) * stride + reach;
    const same = mode === 'SAME_UPPER' || mode === 'SAME_LOWER' ? count * stride : undefined;
    const wanted = asked?.[at - 2] ?? same;
    let before = pads[axis] as number;
    let size = whole + more[axis] - before - (pads[axis + 2] as number);
    if (wanted !== undefined) {
      const cut = Math.max(0, whole + more[axis] - wanted);
      const less = Math.floor(cut / 2);
      before = mode === 'SAME_UPPER' ? less : cut - less;
      size = wanted;
    }
    if (!isSize(size) || size === 0)
      throw context.expected('ERR_SHAPE', `a result of 1 or more elements on axis ${at}`, size);
    const after = whole - before - size;
    // Fewer than a stride are the part of the convolution's input that no window reaches.
    if (after >= 0) return { size, before, after, beyond: 0 };
    if (-after < stride) return { size, before, after: 0, beyond: 0 };
    return { size: size + after, before, after: 0, beyond: -after };
  };
  return [along(0), along(1)];
}

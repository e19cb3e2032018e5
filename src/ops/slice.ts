/**
 * slice: every steps[i]-th element from starts[i] up to, without, ends[i], for every axis of x; any
 * dtype. Starts and ends are canonical: 0 <= start <= end <= size, nothing counted from the end. An
 * axis with a symbol is taken whole: its end is the symbol. Not here: negative steps.
 */

import type { DType } from '../core/dtype.js';
import { requireValue, type Value } from '../graph/value.js';
import { type AttributeRule, isDims, isIndexes } from './attributes.js';
import { gather } from './gather.js';
import type { Emit } from './gradient.js';
import { unchanged } from './identity.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand } from './operands.js';
import { unpermute } from './permutation.js';
import { rowMajor } from './strides.js';

export type SliceAttrs = {
  readonly starts: readonly number[];
  readonly ends: readonly (number | string)[];
  readonly steps: readonly number[];
};

const isSteps: AttributeRule<readonly number[]> = {
  expects: 'a list of whole numbers >= 1',
  accepts: (value): value is readonly number[] =>
    isIndexes.accepts(value) && value.every((step) => step >= 1),
};

export const slice = {
  name: 'slice',
  operands: ['x'],
  attributes: { starts: isIndexes, ends: isDims, steps: isSteps },
  infer(draft) {
    const x = operand(draft, 'x');
    const { starts, ends, steps } = draft.attrs;
    const rank = x.shape.length;
    for (const [name, list] of Object.entries({ starts, ends, steps })) {
      if (list.length !== rank)
        throw mismatch(draft, 'ERR_SHAPE', `${rank} ${name}, one an axis`, list.length);
    }
    const shape = x.shape.map((dim, axis) => {
      const [start, end, step] = [starts[axis]!, ends[axis]!, steps[axis]!];
      if (typeof dim === 'string') {
        if (start === 0 && end === dim && step === 1) return dim;
        throw mismatch(
          draft,
          'ERR_SHAPE',
          `axis ${axis} of size ${dim} taken whole (start 0, end ${dim}, step 1)`,
          `${start}, ${end}, ${step}`,
        );
      }
      if (typeof end !== 'number' || end > dim || start > end) {
        throw mismatch(
          draft,
          'ERR_SHAPE',
          `0 <= start <= end <= ${dim} on axis ${axis}`,
          `${start}, ${end}`,
        );
      }
      return Math.ceil((end - start) / step);
    });
    return { dtype: x.dtype, shape };
  },
  /** steps are 1 if none are given. */
  method:
    (maker: NodeMaker<SliceAttrs>) =>
    <D extends DType>(
      x: Value<D>,
      starts: SliceAttrs['starts'],
      ends: SliceAttrs['ends'],
      options?: Partial<Pick<SliceAttrs, 'steps'>> & Named,
    ): Value<D> => {
      requireValue(x, 'x to be a value', { op: 'slice' });
      const steps = x.shape.map(() => 1);
      return maker.node([x], { starts, ends }, options, { steps }) as Value<D>;
    },
  evaluate([x], { starts, steps }, result) {
    const strides = rowMajor(x!.shape);
    const offset = strides.reduce((sum, stride, axis) => sum + stride * starts[axis]!, 0);
    return gather(
      x!,
      result.shape as number[],
      strides.map((stride, axis) => stride * steps[axis]!),
      offset,
    );
  },
  range: ({ inputs: [x] }, rangeOf) => rangeOf(x!),
  identity: unchanged,
  compose: composed,
  gradient({ inputs: [x], attrs }, upstream, e) {
    const { starts, steps } = attrs as SliceAttrs;
    return [steps.reduce((value, _, axis) => spread(value, x!, axis, starts, steps, e), upstream)];
  },
  transposed({ attrs }, perm) {
    const { starts, ends, steps } = attrs as SliceAttrs;
    const [from, to, by] = [starts, ends, steps].map((list) => unpermute<unknown>(list, perm));
    return { attrs: { starts: from, ends: to, steps: by }, perm };
  },
  moves: true,
} satisfies OpDef<SliceAttrs>;

/** `value` along one axis where the slice took it from x, and 0 elsewhere. */
function spread(
  value: Float,
  x: Value,
  axis: number,
  starts: readonly number[],
  steps: readonly number[],
  e: Emit,
): Float {
  const [size, start, step] = [x.shape[axis]!, starts[axis]!, steps[axis]!];
  const count = value.shape[axis]!;
  // An axis with a symbol was taken whole.
  if (typeof size !== 'number' || typeof count !== 'number' || count === size) return value;
  const border = (from: Float, at: number, before: number, after: number) => {
    const rank = from.shape.length;
    const pads = Array.from({ length: 2 * rank }, () => 0);
    pads[at] = before;
    pads[at + rank] = after;
    return before + after === 0 ? from : e.op('pad', [from], { pads, value: 0 });
  };
  const around = [value.shape.slice(0, axis), value.shape.slice(axis + 1)] as const;
  // Each element is followed by step - 1 zeros; the last ones may be beyond the end of x.
  const apart = border(
    e.reshape(value, [...around[0], count, 1, ...around[1]]),
    axis + 1,
    0,
    step - 1,
  );
  const whole = e.reshape(apart, [...around[0], count * step, ...around[1]]);
  const length = Math.min(count * step, size - start);
  const ends = whole.shape.map((dim, i) => (i === axis ? length : dim));
  const zeros = whole.shape.map(() => 0);
  const kept = e.op('slice', [whole], { starts: zeros, ends, steps: zeros.map(() => 1) });
  return border(kept, axis, start, size - start - length);
}

/**
 * Element i of the outer is element start + i * step of the inner, which is element start' + (start
 * + i * step) * step' of x.
 */
function composed(outer: Value, inner: Value): SliceAttrs {
  const [after, before] = [outer.attrs as SliceAttrs, inner.attrs as SliceAttrs];
  const steps = outer.shape.map((_, axis) => before.steps[axis]! * after.steps[axis]!);
  const starts = outer.shape.map(
    (_, axis) => before.starts[axis]! + after.starts[axis]! * before.steps[axis]!,
  );
  const ends = outer.shape.map((dim, axis) => {
    // An axis with a symbol is taken whole by both.
    if (typeof dim === 'string') return dim;
    return dim === 0 ? starts[axis]! : starts[axis]! + (dim - 1) * steps[axis]! + 1;
  });
  return { starts, ends, steps };
}

/**
 * slice: every steps[i]-th element from starts[i] up to, without, ends[i], for every axis of x; any
 * dtype. Starts and ends are canonical: 0 <= start <= end <= size, nothing counted from the end. An
 * axis with a symbol is taken whole: its end is the symbol. Not here: negative steps.
 */
import { type AttributeRule, isDims, isIndexes } from './attributes.js';
import { gather } from './gather.js';
import type { OpDef } from './op.js';
import { mismatch, operand } from './operands.js';
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

export const slice: OpDef<SliceAttrs> = {
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
};

/**
 * What ops share that make each line of x along one axis another line of its length. Not here:
 * which (./softmax.ts, ./log-softmax.ts).
 */
import { requireValue } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import { isIndex } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand, requireAxis } from './operands.js';
import { rowMajor } from './strides.js';

export type AxisAttrs = { readonly axis: number };

/** The op that makes a line of numbers `line` of them; by default along the last axis. */
export function alongAxis(name: string, line: (values: readonly number[]) => readonly number[]) {
  return {
    name,
    operands: ['x'],
    attributes: { axis: isIndex },
    infer(draft) {
      const x = operand(draft, 'x', 'f32');
      requireAxis(draft, draft.attrs.axis, x.shape.length);
      return { dtype: 'f32', shape: x.shape };
    },
    method:
      (maker: NodeMaker<AxisAttrs>) =>
      (x: Float, options?: Partial<AxisAttrs> & Named): Float => {
        requireValue(x, 'x to be a value', { op: name });
        return maker.node([x], {}, options, { axis: x.shape.length - 1 }) as Float;
      },
    evaluate([x], { axis }, result) {
      const count = x!.shape[axis]!;
      const step = rowMajor(x!.shape)[axis]!;
      const values = new Float32Array(x!.size);
      for (let i = 0; i < values.length; i++) {
        if (Math.floor(i / step) % count !== 0) continue;
        const made = line(Array.from({ length: count }, (_, k) => x!.data[i + k * step]!));
        for (let k = 0; k < count; k++) values[i + k * step] = made[k]!;
      }
      return tensorOf('f32', values, result.shape as number[]);
    },
    transposed: ({ attrs: { axis } }, perm) => ({ attrs: { axis: perm[axis as number] }, perm }),
  } satisfies OpDef<AxisAttrs>;
}

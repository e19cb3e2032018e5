/**
 * cumsum: along one axis the sum of the elements up to each, f32 or i32 (which wraps); `exclusive`
 * leaves out the element itself, `reverse` begins at the end. One addition at a time, in order. Not
 * here: the sum of all (./reduce.ts).
 */
import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import { isBoolean, isIndex } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand, requireAxis } from './operands.js';
import { rowMajor } from './strides.js';

export type CumsumAttrs = {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
};

type Options = Partial<Pick<CumsumAttrs, 'exclusive' | 'reverse'>> & Named;

export const cumsum = {
  name: 'cumsum',
  operands: ['x'],
  attributes: { axis: isIndex, exclusive: isBoolean, reverse: isBoolean },
  infer(draft) {
    const x = operand(draft, 'x', 'f32', 'i32');
    requireAxis(draft, draft.attrs.axis, x.shape.length);
    return { dtype: x.dtype, shape: x.shape };
  },
  method:
    (maker: NodeMaker<CumsumAttrs>) =>
    <D extends 'f32' | 'i32'>(x: Value<D>, axis: number, options?: Options): Value<D> =>
      maker.node([x], { axis }, options, { exclusive: false, reverse: false }) as Value<D>,
  evaluate([x], { axis, exclusive, reverse }, { dtype, shape }) {
    const count = x!.shape[axis]!;
    const step = rowMajor(x!.shape)[axis]!;
    const rounded = dtype === 'i32' ? (sum: number) => sum | 0 : Math.fround;
    const values = new Array<number>(x!.size).fill(0);
    for (let i = 0; i < x!.size; i++) {
      if (Math.floor(i / step) % count !== 0) continue;
      let sum = 0;
      for (let k = 0; k < count; k++) {
        const at = i + (reverse ? count - 1 - k : k) * step;
        if (exclusive) values[at] = sum;
        sum = rounded(sum + x!.data[at]!);
        if (!exclusive) values[at] = sum;
      }
    }
    return tensorOf(dtype, values, shape as number[]);
  },
  gradient(node, upstream, e) {
    const attrs = node.attrs as CumsumAttrs;
    return [e.op('cumsum', [upstream], { ...attrs, reverse: !attrs.reverse }) as Float];
  },
  transposed: ({ attrs }, perm) => ({
    attrs: { ...attrs, axis: perm[attrs.axis as number] },
    perm,
  }),
} satisfies OpDef<CumsumAttrs>;

/**
 * order: where the largest (or the smallest) elements stand along an axis of x, f32 or i32: `count`
 * numbers of elements for each line, the first of equal ones before the others, or with `last` the
 * last. NaN is before all. Not here: the elements themselves (takeAlong, in ./take.ts).
 */
import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import { isBoolean, isIndex, isPositive } from './attributes.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireAxis, requireNumber } from './operands.js';
import { rowMajor } from './strides.js';

export type OrderAttrs = {
  readonly axis: number;
  readonly count: number;
  readonly largest: boolean;
  readonly last: boolean;
};

type Options = Partial<Pick<OrderAttrs, 'count' | 'largest' | 'last'>> & Named;

export const order = {
  name: 'order',
  operands: ['x'],
  attributes: { axis: isIndex, count: isPositive, largest: isBoolean, last: isBoolean },
  infer(draft) {
    const x = operand(draft, 'x', 'f32', 'i32');
    const { axis, count } = draft.attrs;
    requireAxis(draft, axis, x.shape.length);
    const size = requireNumber(draft, `axis ${axis} of x`, x.shape[axis]);
    if (count > size)
      throw mismatch(draft, 'ERR_SHAPE', `at least ${count} elements along axis ${axis}`, size);
    return { dtype: 'i32', shape: x.shape.map((dim, i) => (i === axis ? count : dim)) };
  },
  method:
    (maker: NodeMaker<OrderAttrs>) =>
    (x: Value<'f32' | 'i32'>, axis: number, options?: Options): Value<'i32'> =>
      maker.node([x], { axis }, options, {
        count: 1,
        largest: true,
        last: false,
      }) as Value<'i32'>,
  evaluate([x], { axis, count, largest, last }, { shape }) {
    const size = x!.shape[axis]!;
    const step = rowMajor(x!.shape)[axis]!;
    const values = new Int32Array((x!.size / size) * count);
    for (let line = 0; line < x!.size / size; line++) {
      const [outer, column] = [Math.floor(line / step), line % step];
      const at = (k: number) => x!.data[(outer * size + k) * step + column]!;
      const sorted = Array.from({ length: size }, (_, k) => k).sort((a, b) => {
        const [v, w] = [at(a), at(b)];
        const [first, second] = [Number.isNaN(v), Number.isNaN(w)];
        if (first !== second) return first ? -1 : 1;
        if (v !== w && !first) return v > w === largest ? -1 : 1;
        return last ? b - a : a - b;
      });
      for (let k = 0; k < count; k++) values[(outer * count + k) * step + column] = sorted[k]!;
    }
    return tensorOf('i32', values, shape as number[]);
  },
  work: ({ inputs: [x] }) => {
    const size = (x!.shape as number[]).reduce((product, dim) => product * dim, 1);
    return size * 8;
  },
  noGradient: 'places are integers, which have none',
  transposed: ({ attrs }, perm) => ({
    attrs: { ...attrs, axis: perm[attrs.axis as number] },
    perm,
  }),
} satisfies OpDef<OrderAttrs>;

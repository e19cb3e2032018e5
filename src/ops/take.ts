/**
 * take and takeAlong: elements along an axis at places that a run computes; any dtype but b1. In
 * the result of take the axes of the indices stand in the place of the axis; takeAlong has an index
 * for each element of its result. An index below 0 counts from the end, one outside of the axis
 * takes the nearest element in it. Not here: places known when a graph is made (./slice.ts),
 * writing to places.
 */
import type { DType } from '../core/dtype.js';
import { type Dim, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import { tensorOf } from '../tensor/values.js';
import { isIndex } from './attributes.js';
import type { Inferred, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireAxis, requireNumber } from './operands.js';
import type { RangeOf } from './value-range.js';

export type TakeAttrs = { readonly axis: number };

type Method = <D extends DType>(
  x: Value<D>,
  indices: Value<'i32'>,
  axis: number,
  options?: Named,
) => Value<D>;

/** @param each an index for each element of the result, or the same ones for all lines */
function taking(name: string, each: boolean) {
  return {
    name,
    operands: ['x', 'indices'],
    attributes: { axis: isIndex },
    infer(draft) {
      const x = operand(draft, 'x');
      const indices = operand(draft, 'indices', 'i32');
      const { axis } = draft.attrs;
      if (x.dtype === 'b1') throw mismatch(draft, 'ERR_DTYPE', 'x of any dtype but b1', x.dtype);
      requireAxis(draft, axis, x.shape.length);
      if (requireNumber(draft, `axis ${axis} of x`, x.shape[axis]) < 1)
        throw mismatch(draft, 'ERR_SHAPE', `elements along axis ${axis}`, showShape(x.shape));
      const taken = each ? [indices.shape[axis] as Dim] : indices.shape;
      const shape = [...x.shape.slice(0, axis), ...taken, ...x.shape.slice(axis + 1)];
      if (each && (shape.length !== indices.shape.length || shape.some(differs(indices.shape))))
        throw mismatch(
          draft,
          'ERR_SHAPE',
          `indices that agree with x, ${showShape(x.shape)}, but along axis ${axis}`,
          showShape(indices.shape),
        );
      return { dtype: x.dtype, shape };
    },
    method: (maker: NodeMaker<TakeAttrs>) =>
      ((x, indices, axis, options) =>
        maker.node([x, indices], { axis }, options) as never) as Method,
    evaluate([x, indices]: readonly Tensor[], { axis }: TakeAttrs, result: Inferred) {
      const from = x!.shape;
      const inner = from.slice(axis + 1).reduce((product, size) => product * size, 1);
      const [k, count] = [from[axis]!, each ? (result.shape[axis] as number) : indices!.size];
      const size = (result.shape as number[]).reduce((product, dim) => product * dim, 1);
      const values = Array.from({ length: size }, (_, i) => {
        const line = Math.floor(i / inner);
        const index = indices!.data[each ? i : line % count]!;
        const place = Math.max(0, Math.min(k - 1, index < 0 ? index + k : index));
        return x!.data[(Math.floor(line / count) * k + place) * inner + (i % inner)]!;
      });
      return tensorOf(x!.dtype, values, result.shape as number[]);
    },
    range: ({ inputs: [x] }: Value, rangeOf: RangeOf) => rangeOf(x!),
    noGradient: 'it would be added up at places that a run computes, which no op does',
  } satisfies OpDef<TakeAttrs>;
}

const differs = (shape: readonly Dim[]) => (size: Dim, axis: number) => size !== shape[axis];

export const take = taking('take', false);
export const takeAlong = taking('takeAlong', true);

/**
 * pad: x within a border of one value that its dtype holds (b1: -1 or +1). pads are [before of each
 * axis..., after of each axis...]. Not here: the padding of convolutions, to which a pass moves
 * this where it can.
 */

import { type DType, type Integer, integerBounds, isInteger } from '../core/dtype.js';
import type { Value } from '../graph/value.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { isBound, isIndexes } from './attributes.js';
import { unchanged } from './identity.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand } from './operands.js';
import { unpermute } from './permutation.js';
import { rowMajor, strided } from './strides.js';
import { single, union } from './value-range.js';

export type PadAttrs = { readonly pads: readonly number[]; readonly value: number };

export const pad = {
  name: 'pad',
  operands: ['x'],
  attributes: { pads: isIndexes, value: isBound },
  infer(draft) {
    const x = operand(draft, 'x');
    const { pads, value } = draft.attrs;
    const rank = x.shape.length;
    if (pads.length !== 2 * rank)
      throw mismatch(draft, 'ERR_SHAPE', `${2 * rank} pads, two an axis`, pads.length);
    if (x.dtype === 'b1' && Math.abs(value) !== 1)
      throw mismatch(draft, 'ERR_DTYPE', 'value -1 or 1 where x is b1', value);
    if (isInteger(x.dtype) && !holds(x.dtype, value))
      throw mismatch(draft, 'ERR_DTYPE', `a value that ${x.dtype} holds`, value);
    const shape = x.shape.map((dim, axis) => {
      const border = pads[axis]! + pads[axis + rank]!;
      if (typeof dim === 'number') return dim + border;
      if (border !== 0)
        throw mismatch(draft, 'ERR_SHAPE', `no pads on axis ${axis} of size ${dim}`, border);
      return dim;
    });
    return { dtype: x.dtype, shape };
  },
  method:
    (maker: NodeMaker<PadAttrs>) =>
    <D extends DType>(
      x: Value<D>,
      pads: readonly number[],
      value: number,
      options?: Named,
    ): Value<D> =>
      maker.node([x], { pads, value }, options) as Value<D>,
  evaluate([x], { pads, value }, result) {
    const shape = result.shape as number[];
    const strides = rowMajor(shape);
    const offset = strides.reduce((sum, stride, axis) => sum + stride * pads[axis]!, 0);
    const target = strided(x!.shape, strides, offset);
    const from = valuesOf(x!);
    const values = new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value);
    for (let i = 0; i < from.length; i++) values[target(i)] = from[i]!;
    return tensorOf(result.dtype, values, shape);
  },
  range: ({ inputs: [x], attrs }, rangeOf) => union(rangeOf(x!), single((attrs as PadAttrs).value)),
  identity: unchanged,
  gradient({ inputs: [x], attrs }, upstream, e) {
    const { pads } = attrs as PadAttrs;
    const starts = pads.slice(0, x!.shape.length);
    const ends = x!.shape.map((size, axis) =>
      typeof size === 'number' ? size + starts[axis]! : size,
    );
    return [e.op('slice', [upstream], { starts, ends, steps: starts.map(() => 1) })];
  },
  transposed({ attrs }, perm) {
    const { pads } = attrs as PadAttrs;
    const [before, after] = [pads.slice(0, perm.length), pads.slice(perm.length)];
    const moved = [...unpermute(before, perm), ...unpermute(after, perm)];
    return { attrs: { ...attrs, pads: moved }, perm };
  },
  moves: true,
} satisfies OpDef<PadAttrs>;

function holds(dtype: Integer, value: number): boolean {
  const { lo, hi } = integerBounds(dtype);
  return Number.isInteger(value) && lo <= value && value <= hi;
}

/**
 * concat: one or more values of one dtype, end to end along an axis. Not here: along an axis whose
 * size is a symbol.
 */

import type { DType } from '../core/dtype.js';
import type { Value } from '../graph/value.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { isIndex } from './attributes.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireAxis, requireNumber } from './operands.js';
import { union } from './value-range.js';

export type ConcatAttrs = { readonly axis: number };

export const concat = {
  name: 'concat',
  operands: ['x'],
  variadic: true,
  attributes: { axis: isIndex },
  infer(draft) {
    const first = operand(draft, 'x');
    const { axis } = draft.attrs;
    requireAxis(draft, axis, first.shape.length);
    let size = 0;
    for (const x of draft.inputs) {
      if (x.dtype !== first.dtype)
        throw mismatch(draft, 'ERR_DTYPE', `every operand of dtype ${first.dtype}`, x.dtype);
      if (
        x.shape.length !== first.shape.length ||
        x.shape.some((dim, i) => i !== axis && dim !== first.shape[i])
      ) {
        throw mismatch(
          draft,
          'ERR_SHAPE',
          `shapes that differ from [${first.shape.join(', ')}] on axis ${axis} only`,
          `[${x.shape.join(', ')}]`,
        );
      }
      size += requireNumber(draft, `axis ${axis} of every operand`, x.shape[axis]);
    }
    return { dtype: first.dtype, shape: first.shape.map((dim, i) => (i === axis ? size : dim)) };
  },
  method:
    (maker: NodeMaker<ConcatAttrs>) =>
    <D extends DType>(values: readonly Value<D>[], axis: number, options?: Named): Value<D> =>
      maker.node(values, { axis }, options) as Value<D>,
  evaluate(inputs, { axis }, result) {
    const shape = result.shape as number[];
    const inner = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
    const outer = shape.slice(0, axis).reduce((product, dim) => product * dim, 1);
    const parts = inputs.map((x) => ({ values: valuesOf(x), length: x.shape[axis]! * inner }));
    // The first operand's own kind of array: the dtype's, or -1 and +1 for bits.
    const values = new (parts[0]!.values.constructor as Int8ArrayConstructor)(
      outer * shape[axis]! * inner,
    );
    let at = 0;
    for (let i = 0; i < outer; i++) {
      for (const { values: from, length } of parts) {
        values.set(from.subarray(i * length, (i + 1) * length), at);
        at += length;
      }
    }
    return tensorOf(result.dtype, values, shape);
  },
  range: ({ inputs }, rangeOf) => inputs.map(rangeOf).reduce(union),
  identity: ({ inputs }) => (inputs.length === 1 ? inputs[0] : undefined),
  gradient({ inputs, attrs }, upstream, e) {
    const { axis } = attrs as ConcatAttrs;
    let at = 0;
    return inputs.map(({ shape }) => {
      const starts = shape.map((_, i) => (i === axis ? at : 0));
      at += shape[axis] as number;
      const ends = shape.map((dim, i) => (i === axis ? at : dim));
      return e.op('slice', [upstream], { starts, ends, steps: starts.map(() => 1) });
    });
  },
  transposed: ({ attrs: { axis } }, perm) => ({ attrs: { axis: perm[axis as number] }, perm }),
  moves: true,
} satisfies OpDef<ConcatAttrs>;

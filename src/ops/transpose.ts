/**
 * transpose: axis i of the result is axis perm[i] of x, any dtype. Not here: moving transposes
 * through a graph (src/passes).
 */

import type { DType } from '../core/dtype.js';
import type { Value } from '../graph/value.js';
import { isIndexes } from './attributes.js';
import { gather } from './gather.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand } from './operands.js';
import { inverse } from './permutation.js';
import { rowMajor } from './strides.js';

export type TransposeAttrs = { readonly perm: readonly number[] };

export const transpose = {
  name: 'transpose',
  operands: ['x'],
  attributes: { perm: isIndexes },
  infer(draft) {
    const x = operand(draft, 'x');
    const { perm } = draft.attrs;
    const rank = x.shape.length;
    if (perm.length !== rank || new Set(perm).size !== rank || perm.some((axis) => axis >= rank)) {
      throw mismatch(draft, 'ERR_SHAPE', `perm to be a permutation of ${rank} axes`, perm);
    }
    return { dtype: x.dtype, shape: perm.map((axis) => x.shape[axis]!) };
  },
  method:
    (maker: NodeMaker<TransposeAttrs>) =>
    <D extends DType>(x: Value<D>, perm: readonly number[], options?: Named): Value<D> =>
      maker.node([x], { perm }, options) as Value<D>,
  evaluate([x], { perm }, result) {
    const strides = rowMajor(x!.shape);
    return gather(
      x!,
      result.shape as number[],
      perm.map((axis) => strides[axis]!),
    );
  },
  range: ({ inputs: [x] }, rangeOf) => rangeOf(x!),
  identity: (node) => (permOf(node).every((axis, i) => axis === i) ? node.inputs[0] : undefined),
  compose: (outer, inner) => ({ perm: permOf(outer).map((axis) => permOf(inner)[axis]!) }),
  gradient(node, upstream, e) {
    return [e.op('transpose', [upstream], { perm: inverse(permOf(node)) })];
  },
  moves: true,
} satisfies OpDef<TransposeAttrs>;

function permOf({ attrs }: Value): readonly number[] {
  return (attrs as TransposeAttrs).perm;
}

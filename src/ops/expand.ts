/**
 * expand: x repeated to a larger shape by numpy's rule, any dtype; the result has exactly the shape
 * asked for. Not here: the broadcasting that element-wise ops do by themselves.
 */

import type { DType } from '../core/dtype.js';
import { sameShape, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isDims } from './attributes.js';
import { gather } from './gather.js';
import { unchanged } from './identity.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand } from './operands.js';
import { broadcast } from './shapes.js';
import { stretched } from './strides.js';

export type ExpandAttrs = { readonly shape: readonly (number | string)[] };

export const expand = {
  name: 'expand',
  operands: ['x'],
  attributes: { shape: isDims },
  infer(draft) {
    const x = operand(draft, 'x');
    const { shape } = draft.attrs;
    if (!sameShape(broadcast(draft, x.shape, shape), shape)) {
      throw mismatch(
        draft,
        'ERR_SHAPE',
        `a shape that ${showShape(x.shape)} stretches to`,
        showShape(shape),
      );
    }
    return { dtype: x.dtype, shape };
  },
  method:
    (maker: NodeMaker<ExpandAttrs>) =>
    <D extends DType>(x: Value<D>, shape: ExpandAttrs['shape'], options?: Named): Value<D> =>
      maker.node([x], { shape }, options) as Value<D>,
  evaluate: ([x], _attrs, result) =>
    gather(x!, result.shape as number[], stretched(result.shape as number[], x!.shape)),
  range: ({ inputs: [x] }, rangeOf) => rangeOf(x!),
  identity: unchanged,
  gradient: ({ inputs: [x] }, upstream, e) => [e.sumTo(upstream, x!.shape)],
  moves: true,
} satisfies OpDef<ExpandAttrs>;

/**
 * softmax: exp(x - max) / sum of exp(x - max) along one axis, f32. Not here: its logarithm (log of
 * this, or the loss's own form).
 */

import { requireValue } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import { isIndex } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand, requireAxis } from './operands.js';
import { larger } from './select.js';
import { rowMajor } from './strides.js';

export type SoftmaxAttrs = { readonly axis: number };

export const softmax = {
  name: 'softmax',
  operands: ['x'],
  attributes: { axis: isIndex },
  infer(draft) {
    const x = operand(draft, 'x', 'f32');
    requireAxis(draft, draft.attrs.axis, x.shape.length);
    return { dtype: 'f32', shape: x.shape };
  },
  /** Along the last axis if none is given. */
  method:
    (maker: NodeMaker<SoftmaxAttrs>) =>
    (x: Float, options?: Partial<SoftmaxAttrs> & Named): Float => {
      requireValue(x, 'x to be a value', { op: 'softmax' });
      return maker.node([x], {}, options, { axis: x.shape.length - 1 }) as Float;
    },
  evaluate([x], { axis }, result) {
    const count = x!.shape[axis]!;
    const step = rowMajor(x!.shape)[axis]!;
    const values = new Float32Array(x!.size);
    for (let i = 0; i < values.length; i++) {
      if (Math.floor(i / step) % count !== 0) continue;
      const line = Array.from({ length: count }, (_, k) => x!.data[i + k * step]!);
      const top = line.reduce(larger);
      const powers = line.map((value) => Math.exp(value - top));
      const sum = powers.reduce((a, b) => a + b, 0);
      for (let k = 0; k < count; k++) values[i + k * step] = powers[k]! / sum;
    }
    return tensorOf('f32', values, result.shape as number[]);
  },
  gradient(y, upstream, e) {
    const product = e.mul(upstream, y as Float);
    const sum = e.sum(product, [(y.attrs as SoftmaxAttrs).axis]);
    return [e.mul(e.sub(upstream, sum), y as Float)];
  },
  transposed: ({ attrs: { axis } }, perm) => ({ attrs: { axis: perm[axis as number] }, perm }),
} satisfies OpDef<SoftmaxAttrs>;

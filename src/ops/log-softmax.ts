/**
 * logSoftmax: x - max - log(sum of exp(x - max)) along one axis, f32: the logarithm of softmax
 * without its underflow, as losses need it. Not here: the losses (src/train).
 */
import { requireValue } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import { isIndex } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand, requireAxis } from './operands.js';
import { larger } from './select.js';
import { rowMajor } from './strides.js';

export type LogSoftmaxAttrs = { readonly axis: number };

export const logSoftmax = {
  name: 'logSoftmax',
  operands: ['x'],
  attributes: { axis: isIndex },
  infer(draft) {
    const x = operand(draft, 'x', 'f32');
    requireAxis(draft, draft.attrs.axis, x.shape.length);
    return { dtype: 'f32', shape: x.shape };
  },
  /** Along the last axis if none is given. */
  method:
    (maker: NodeMaker<LogSoftmaxAttrs>) =>
    (x: Float, options?: Partial<LogSoftmaxAttrs> & Named): Float => {
      requireValue(x, 'x to be a value', { op: 'logSoftmax' });
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
      const sum = line.reduce((total, value) => total + Math.exp(value - top), 0);
      for (let k = 0; k < count; k++) values[i + k * step] = line[k]! - top - Math.log(sum);
    }
    return tensorOf('f32', values, result.shape as number[]);
  },
  gradient({ inputs: [x], attrs }, upstream, e) {
    const sum = e.sum(upstream, [(attrs as LogSoftmaxAttrs).axis]);
    return [e.sub(upstream, e.mul(e.op('softmax', [x!], attrs), sum))];
  },
  transposed: ({ attrs: { axis } }, perm) => ({ attrs: { axis: perm[axis as number] }, perm }),
} satisfies OpDef<LogSoftmaxAttrs>;

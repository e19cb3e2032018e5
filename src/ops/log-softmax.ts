/**
 * logSoftmax: x - max - log(sum of exp(x - max)) along one axis, f32: the logarithm of softmax
 * without its underflow, as losses need it. Not here: the losses (src/train).
 */
import { type AxisAttrs, alongAxis } from './along-axis.js';
import type { OpDef } from './op.js';
import { larger } from './select.js';

export const logSoftmax = {
  ...alongAxis('logSoftmax', (line) => {
    const top = line.reduce(larger);
    const sum = line.reduce((total, value) => total + Math.exp(value - top), 0);
    return line.map((value) => value - top - Math.log(sum));
  }),
  gradient({ inputs: [x], attrs }, upstream, e) {
    const sum = e.sum(upstream, [(attrs as AxisAttrs).axis]);
    return [e.sub(upstream, e.mul(e.op('softmax', [x!], attrs), sum))];
  },
} satisfies OpDef<AxisAttrs>;

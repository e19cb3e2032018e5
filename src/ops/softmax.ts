/**
 * softmax: exp(x - max) / sum of exp(x - max) along one axis, f32. Not here: its logarithm
 * (./log-softmax.ts).
 */
import { type AxisAttrs, alongAxis } from './along-axis.js';
import type { Float, OpDef } from './op.js';
import { larger } from './select.js';

export const softmax = {
  ...alongAxis('softmax', (line) => {
    const top = line.reduce(larger);
    const powers = line.map((value) => Math.exp(value - top));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  }),
  gradient(y, upstream, e) {
    const product = e.mul(upstream, y as Float);
    const sum = e.sum(product, [(y.attrs as AxisAttrs).axis]);
    return [e.mul(e.sub(upstream, sum), y as Float)];
  },
} satisfies OpDef<AxisAttrs>;

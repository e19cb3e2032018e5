/**
 * Ternary weights: with one computed scale (TWN), or with two learned ones (TTQ). Not here: ternary
 * weights by a spec (`weights('ternary')`).
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { LEAST_POSITIVE } from '../ops/gradient.js';
import { computed, storedWhole } from './computed.js';
import { type Learned, learnedNumber, type WeightQuantizer } from './quantizer.js';

type Float = Value<'f32'>;

/** What shares a threshold and a scale of ternary weights. */
export interface TwnOptions {
  /** What shares a threshold and a scale. Default 'tensor', the layer, as in the paper. */
  readonly granularity?: 'tensor' | 'channel' | undefined;
}

/** The threshold of trained ternary weights. */
export interface TtqOptions {
  /** Share of the largest weight up to which weights are 0. Default 0.05, the paper's. */
  readonly threshold?: number | undefined;
}

/**
 * alpha * t, t = sign(W) where |W| > Delta, else 0; Delta = 0.7 mean|W|, alpha = the mean of those
 * |W| that are above Delta. The gradient reaches W as it is. Li et al., "Ternary Weight Networks",
 * arXiv 1605.04711.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function twn(options: TwnOptions = {}): WeightQuantizer {
  requireOptions(options, { granularity: true }, { op: 'twn' });
  const { granularity = 'tensor' } = options;
  requireOneOf(granularity, ['tensor', 'channel'], 'granularity', { op: 'twn' });
  const make = (g: GraphBuilder, name: string, w: Float) => scaledTernary(g, name, w, granularity);
  return Object.freeze({
    name: 'twn',
    precision: 2,
    formula: 'alpha * sign(W) * 1[|W| > 0.7 mean|W|]',
    pseudoGradient: 'identity' as const,
    paper: 'Li et al., arXiv 1605.04711',
    quantize(g: GraphBuilder, name: string, w: Float) {
      const found = computed(w, {}, (own, value) => make(own, 'w', value));
      const { ternary, alpha } = found ?? make(g, name, w);
      const values = found ? storedWhole(g, name, found.ternary, 'i2') : (ternary as Float);
      const scale = found
        ? (g.constant(found.alpha, { name: `${name}.alpha` }) as Float)
        : (alpha as Float);
      const sizes = granularity === 'tensor' ? [] : [w.shape[0] as number];
      return { values, scale: g.reshape(scale, sizes, { name: `${name}.scale` }) as Float };
    },
    trained(g: GraphBuilder, name: string, w: Float) {
      const { ternary, alpha } = make(g, name, w);
      return g.surrogate(g.mul(ternary, alpha, { name: `${name}.value` }), w, { name });
    },
  });
}

/** t in -1, 0, +1, and alpha, of as many axes as w. */
function scaledTernary(
  g: GraphBuilder,
  name: string,
  w: Float,
  granularity: 'tensor' | 'channel',
): { readonly ternary: Float; readonly alpha: Float } {
  const axes = [...w.shape.keys()].slice(granularity === 'tensor' ? 0 : 1);
  const keep = { keepDims: true };
  const magnitude = g.abs(w, { name: `${name}.magnitude` });
  const delta = g.mul(g.reduce(magnitude, 'mean', axes, keep), 0.7, { name: `${name}.delta` });
  const over = g.sub(magnitude, delta, { name: `${name}.over` });
  const above = (value: Float | number) => g.gate(value, over, { min: LEAST_POSITIVE });
  const sum = g.reduce(above(magnitude), 'sum', axes, keep);
  // Of zeros alone none is above Delta, and alpha is 0.
  const count = g.max(g.reduce(above(1), 'sum', axes, keep), 1);
  return {
    ternary: g.gate(g.signum(w), over, { min: LEAST_POSITIVE, name: `${name}.ternary` }),
    alpha: g.div(sum, count, { name: `${name}.alpha` }),
  };
}

/**
 * +Wp where W > Delta, -Wn where W < -Delta, else 0; Delta = threshold * max|W|. Wp and Wn are
 * parameters of the layer, `positive` and `negative`, which begin with the mean |W|. The gradient g
 * reaches W as Wp g, Wn g and g in the three cases, and Wp and Wn by the chain rule: sum of g over
 * the first, and minus that over the second (the paper prints it without the minus). Zhu et al.,
 * "Trained Ternary Quantization", ICLR 2017, arXiv 1612.01064.
 *
 * Two magnitudes are no scale times integers: a packed network holds these weights as floats.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function ttq(options: TtqOptions = {}): WeightQuantizer {
  const op = 'ttq';
  requireOptions(options, { threshold: true }, { op });
  const { threshold = 0.05 } = options;
  if (!(threshold >= 0 && threshold < 1))
    throw expected('ERR_ARGUMENT', 'threshold from 0 to below 1', threshold, { op });
  const parts = (g: GraphBuilder, name: string, w: Float) => {
    const axes = [...w.shape.keys()];
    const most = g.reduce(g.abs(w), 'max', axes, { keepDims: true });
    const delta = g.mul(most, threshold, { name: `${name}.delta` });
    const above = (value: Float) => g.gate(1, g.sub(value, delta), { min: LEAST_POSITIVE });
    return { plus: above(w), minus: above(g.neg(w)) };
  };
  const make = (g: GraphBuilder, name: string, w: Float, learned: Learned) => {
    const { plus, minus } = parts(g, name, w);
    const positive = learnedNumber(learned, 'positive', op, name);
    const negative = learnedNumber(learned, 'negative', op, name);
    const value = g.sub(g.mul(plus, positive), g.mul(minus, negative));
    return { value, plus, minus, positive, negative };
  };
  return Object.freeze({
    name: op,
    precision: 2,
    formula: 'W > Delta ? Wp : W < -Delta ? -Wn : 0, Delta = threshold * max|W|',
    pseudoGradient: 'identity' as const,
    paper: 'Zhu et al., ICLR 2017, arXiv 1612.01064',
    learned: Object.freeze({ positive: meanMagnitude, negative: meanMagnitude }),
    quantize(g: GraphBuilder, name: string, w: Float, learned: Learned = {}) {
      const found = computed(w, learned, (own, value, all) => ({
        value: make(own, name, value, all).value,
      }));
      return found
        ? { values: g.constant(found.value, { name: `${name}.ternary` }) as Float }
        : { values: make(g, name, w, learned).value };
    },
    trained(g: GraphBuilder, name: string, w: Float, learned: Learned = {}) {
      const { value, plus, minus, positive, negative } = make(g, name, w, learned);
      // 1 + plus (Wp - 1) + minus (Wn - 1): what the gradient is multiplied by on its way to W.
      const more = g.add(g.mul(plus, g.sub(positive, 1)), g.mul(minus, g.sub(negative, 1)));
      const toW = g.mul(w, g.surrogate(g.add(more, 1)));
      return g.surrogate(value, g.add(value, toW), { name });
    },
  });
}

export function meanMagnitude(w: Float32Array): number {
  return w.reduce((sum, value) => sum + Math.abs(value), 0) / w.length;
}

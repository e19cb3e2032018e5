/**
 * Zhou et al., "DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low Bitwidth
 * Gradients", arXiv 1606.06160: weights behind a tanh and activations within [0, 1], both of k
 * bits. Not here: its quantization of gradients.
 */
import { requireOptions } from '../core/checks.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { Tensor } from '../tensor/tensor.js';
import { paramsOfRanges } from './affine.js';
import { computed, storedWhole } from './computed.js';
import { exactTanh } from './exact-tanh.js';
import { fakeQuantize } from './fake-quantize.js';
import { groupsOf } from './groups.js';
import { weights } from './layer-weights.js';
import { type ActivationQuantizer, requireBits, type WeightQuantizer } from './quantizer.js';
import { type Codes, quantSpec } from './spec.js';

type Float = Value<'f32'>;

/** Bits of DoReFa weights or activations. */
export interface DorefaOptions {
  /** k, from 1 to 8. */
  readonly bits: number;
}

const PAPER = 'Zhou et al., arXiv 1606.06160';
/** The smallest normal float32: weights of zeros alone have no largest. */
const LEAST_NORMAL = 2 ** -126;

/**
 * (2q - n) / n, q = round(n (tanh(W) / (2 max|tanh(W)|) + 1/2)), n = 2^k - 1: odd integers times 1
 * / n. The gradient passes the rounding as it is, and the tanh and its maximum by the chain rule.
 * One bit is mean|W| * sign(W), the mean that of the layer, whose gradient reaches W as it is.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function dorefa(options: DorefaOptions): WeightQuantizer {
  const op = 'dorefa';
  requireOptions(options, { bits: true }, { op });
  const { bits } = options;
  requireBits(op, bits, 1);
  const described = { name: op, pseudoGradient: 'identity' as const, paper: PAPER };
  if (bits === 1) return Object.freeze({ ...weights('bipolar'), ...described });
  const n = 2 ** bits - 1;
  const make = (g: GraphBuilder, w: Float) => ({ whole: oddIntegers(g, w, n) });
  return Object.freeze({
    ...described,
    precision: bits,
    formula: '2 round(n (tanh(W) / (2 max|tanh(W)|) + 1/2)) / n - 1, n = 2^k - 1',
    quantize(g: GraphBuilder, name: string, w: Float) {
      const found = computed(w, {}, make);
      const part = new Tensor('f32', Float32Array.of(1 / n), []);
      const scale = g.constant(part, { name: `${name}.scale` });
      if (found === undefined) return { values: make(g, w).whole, scale };
      // Of 8 bits they are integers of 9, which have no dtype of their own.
      if (bits === 8) return { values: g.constant(found.whole, { name: `${name}.odd` }), scale };
      return { values: storedWhole(g, name, found.whole, `i${bits + 1}` as Codes['dtype']), scale };
    },
    trained(g: GraphBuilder, name: string, w: Float) {
      const value = g.mul(make(g, w).whole, 1 / n, { name: `${name}.value` });
      const bent = g.tanh(w, { name: `${name}.tanh` });
      return g.surrogate(value, g.div(bent, largest(g, bent)), { name });
    },
  });
}

/** 2q - n, from -n to n. */
function oddIntegers(g: GraphBuilder, w: Float, n: number): Float {
  const bent = exactTanh(g, w);
  const unit = g.add(g.div(bent, g.mul(largest(g, bent), 2)), 0.5);
  return g.sub(g.mul(g.round(g.mul(unit, n)), 2), n);
}

function largest(g: GraphBuilder, x: Float): Float {
  const most = g.reduce(g.abs(x), 'max', [...x.shape.keys()], { keepDims: true });
  return g.max(most, LEAST_NORMAL);
}

/**
 * round(n clip(x, 0, 1)) / n, n = 2^k - 1. The gradient flows where 0 <= x <= 1.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function dorefaActivation(options: DorefaOptions): ActivationQuantizer {
  const op = 'dorefaActivation';
  requireOptions(options, { bits: true }, { op });
  const { bits } = options;
  requireBits(op, bits, 1);
  const spec = quantSpec({ bits, signed: false });
  const params = paramsOfRanges(spec, [{ lo: 0, hi: 1 }]);
  const quantize = (g: GraphBuilder, name: string, x: Float) =>
    fakeQuantize(g, name, x, spec, params, groupsOf('tensor', []));
  return Object.freeze({
    name: op,
    precision: bits,
    spec,
    packed: false,
    formula: 'round(n clip(x, 0, 1)) / n, n = 2^k - 1',
    pseudoGradient: 'clip' as const,
    paper: PAPER,
    quantize,
    trained: (g: GraphBuilder, name: string, x: Float) =>
      g.surrogate(quantize(g, `${name}.value`, x), g.clip(x, 0, 1), { name }),
  });
}

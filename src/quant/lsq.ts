/**
 * Esser et al., "Learned Step Size Quantization", ICLR 2020, arXiv 1902.08153: weights and
 * activations whose step is a parameter of the layer. Not here: steps that follow from the weights
 * (`weights`), learned ranges (`activations`).
 */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { elementCount, type Shape, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import type { Tensor } from '../tensor/tensor.js';
import { quantizeNumbers } from './affine.js';
import { constantCodes, fakeQuantize, fakeQuantizeBy } from './fake-quantize.js';
import { groupsOf } from './groups.js';
import {
  type ActivationQuantizer,
  type Learned,
  learnedNumber,
  positiveConstant,
  requireBits,
  type WeightQuantizer,
} from './quantizer.js';
import { codesOf, quantSpec } from './spec.js';
import { meanMagnitude } from './ternary.js';

type Float = Value<'f32'>;

/** Bits of LSQ weights. */
export interface LsqOptions {
  /** From 2 to 8. */
  readonly bits: number;
}

/** Bits of LSQ activations, and whether they are signed. */
export interface LsqActivationOptions {
  /** From 1 to 8; from 2 where they are signed. */
  readonly bits: number;
  /** Default false: inputs behind a ReLU. */
  readonly signed?: boolean | undefined;
  /**
   * What the step begins with. Default 2 E|x| / sqrt(Qp) of a normal distribution of variance 1,
   * behind a ReLU where it is not signed; the paper takes the first batch for it.
   */
  readonly initial?: number | undefined;
}

const PAPER = 'Esser et al., ICLR 2020, arXiv 1902.08153';
const FORMULA = 'round(clip(v / s, -Qn, Qp)) * s';

/**
 * round(clip(W / s, -Qn, Qp)) s, Qn = 2^(k-1), Qp = Qn - 1. The step s is a parameter of the layer,
 * `step`, which begins with 2 mean|W| / sqrt(Qp). The gradient g reaches W where it has a code, and
 * s as sum g (round(W / s) - W / s), of clipped ones g times the code, all that over sqrt(n Qp), n
 * being the number of weights.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function lsq(options: LsqOptions): WeightQuantizer {
  const op = 'lsq';
  requireOptions(options, { bits: true }, { op });
  const { bits } = options;
  requireBits(op, bits, 2);
  const spec = quantSpec({ bits });
  const { hi } = codesOf(spec);
  return Object.freeze({
    name: op,
    precision: bits,
    spec,
    formula: FORMULA,
    pseudoGradient: 'clip' as const,
    paper: PAPER,
    learned: Object.freeze({ step: (w: Float32Array) => (2 * meanMagnitude(w)) / Math.sqrt(hi) }),
    quantize(g: GraphBuilder, name: string, w: Float, learned?: Learned) {
      const step = learnedNumber(learned, 'step', op, name);
      const number = positiveConstant(step, 'step', op, name);
      const coded = `${name}.weights`;
      if (number === undefined || w.op !== 'constant')
        return { values: fakeQuantizeBy(g, coded, w, spec, step) };
      const { data, shape } = w.data as Tensor<'f32'>;
      const params = { scale: Float32Array.of(number), zero: new Int32Array(1) };
      const groups = groupsOf('tensor', shape);
      const codes = quantizeNumbers(data, spec, params, groups);
      return { values: constantCodes(g, coded, codes, shape, spec, params, groups) };
    },
    trained(g: GraphBuilder, name: string, w: Float, learned?: Learned) {
      const step = learnedNumber(learned, 'step', op, name);
      const scale = slowed(g, step, w.shape, hi, op, name);
      return fakeQuantizeBy(g, name, w, spec, scale, { trained: true });
    },
  });
}

/**
 * The same of inputs: Qn = 0 and Qp = 2^k - 1, or as for weights where they are signed. The step is
 * the parameter `inputStep`, and n the numbers of one picture.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function lsqActivation(options: LsqActivationOptions): ActivationQuantizer {
  const op = 'lsqActivation';
  requireOptions(options, { bits: true, signed: true, initial: true }, { op });
  const { bits, signed = false } = options;
  if (typeof signed !== 'boolean')
    throw expected('ERR_ARGUMENT', 'signed to be true or false', signed, { op });
  requireBits(op, bits, signed ? 2 : 1);
  const spec = quantSpec({ bits, signed });
  const { hi } = codesOf(spec);
  const { initial = (2 * Math.sqrt(2 / Math.PI) * (signed ? 1 : 0.5)) / Math.sqrt(hi) } = options;
  if (!(initial > 0 && initial < Infinity))
    throw expected('ERR_ARGUMENT', 'initial to be finite and above 0', initial, { op });
  return Object.freeze({
    name: op,
    precision: bits,
    spec,
    packed: false,
    formula: FORMULA,
    pseudoGradient: 'clip' as const,
    paper: PAPER,
    learned: Object.freeze({ inputStep: initial }),
    quantize(g: GraphBuilder, name: string, x: Float, learned?: Learned) {
      const step = learnedNumber(learned, 'inputStep', op, name);
      const number = positiveConstant(step, 'step', op, name);
      if (number === undefined) return fakeQuantizeBy(g, name, x, spec, step);
      const params = { scale: Float32Array.of(number), zero: new Int32Array(1) };
      return fakeQuantize(g, name, x, spec, params, groupsOf('tensor', []));
    },
    trained(g: GraphBuilder, name: string, x: Float, learned?: Learned) {
      const step = learnedNumber(learned, 'inputStep', op, name);
      const scale = slowed(g, step, x.shape.slice(1), hi, op, name);
      return fakeQuantizeBy(g, name, x, spec, scale, { trained: true });
    },
  });
}

/** The step, whose gradient is divided by sqrt(n Qp), n the elements of a shape. */
function slowed(
  g: GraphBuilder,
  step: Float,
  shape: Shape,
  hi: number,
  op: string,
  node: string,
): Float {
  if (shape.some((size) => typeof size !== 'number'))
    throw expected('ERR_SHAPE', 'sizes that are known', showShape(shape), { op, node });
  const factor = 1 / Math.sqrt(elementCount(shape as readonly number[]) * hi);
  return g.surrogate(step, g.mul(step, factor), { name: `${node}.step` });
}

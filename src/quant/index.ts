/**
 * Quantization, as `import { quant } from 'bitplane'` gives it: specs, quantizers of layers, and of
 * whole networks. Not here: the arithmetic on numbers, observers and formats, which these use.
 */

export type { Range } from './affine.js';
export { type DorefaOptions, dorefa, dorefaActivation } from './dorefa.js';
export { activations } from './layer-inputs.js';
export { weights } from './layer-weights.js';
export { type LsqActivationOptions, type LsqOptions, lsq, lsqActivation } from './lsq.js';
export type { LayerChoice, QuantChoice, QuantizeOptions } from './network/options.js';
export { quantizeGraph } from './network/quantize-graph.js';
export type { Quantized } from './network/quantize-prepared.js';
export type { ActivationReport, Bins, LayerReport, WeightReport } from './network/report.js';
export type { ObserverName, ObserverOptions } from './observers/range-of.js';
export { type PactOptions, pact } from './pact.js';
export {
  parseQuantSpec,
  type QuantSpecBase,
  type QuantSpecLike,
  type QuantSpecText,
} from './parse-spec.js';
export { ede, type Proxy, type PseudoGradient } from './pseudo-gradient.js';
export type {
  ActivationQuantizer,
  Learned,
  QuantizedWeights,
  Quantizer,
  SignOfZero,
  WeightQuantizer,
} from './quantizer.js';
export type { Rounding } from './rounding.js';
export { type SignActivationOptions, signActivation } from './sign-activation.js';
export {
  type ScaledSignOptions,
  type SignWeightsOptions,
  scaledSign,
  sign,
  type WeightGradient,
} from './sign-weights.js';
export {
  type Granularity,
  type QuantSpec,
  type QuantSpecOptions,
  quantSpec,
  type Scheme,
} from './spec.js';
export { type TtqOptions, type TwnOptions, ttq, twn } from './ternary.js';
export type { CodedWeights, WeightRange } from './weights.js';

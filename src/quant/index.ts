/**
 * Quantization, as `import { quant } from 'bitplane'` gives it: specs, quantizers of layers, and of
 * whole networks.
 */
export {
  type AffineParams,
  dequantizeNumbers,
  paramsOfRanges,
  quantizeNumbers,
  type Range,
} from './affine.js';
export { constantCodes, fakeQuantize, fakeQuantizeBy } from './fake-quantize.js';
export {
  type DsconvActivationFormat,
  type DsconvWeights,
  dsconvActivations,
  dsconvWeights,
} from './formats/dsconv.js';
export { type Groups, groupsOf } from './groups.js';
export { activations } from './layer-inputs.js';
export { weights } from './layer-weights.js';
export type { LayerChoice, QuantChoice, QuantizeOptions } from './network/options.js';
export { type Quantized, quantizeGraph } from './network/quantize-graph.js';
export type { ActivationReport, Bins, LayerReport, WeightReport } from './network/report.js';
export { Histogram, type HistogramCounts } from './observers/histogram.js';
export { OBSERVERS, type ObserverName, type ObserverOptions } from './observers/range-of.js';
export {
  parseQuantSpec,
  type QuantSpecLike,
  type QuantSpecText,
  showQuantSpec,
} from './parse-spec.js';
export type {
  ActivationQuantizer,
  PseudoGradient,
  QuantizedWeights,
  Quantizer,
  SignOfZero,
  WeightQuantizer,
} from './quantizer.js';
export { type SignActivationOptions, signActivation } from './sign-activation.js';
export { type SignWeightsOptions, scaledSign, sign } from './sign-weights.js';
export {
  type Codes,
  codesOf,
  type Granularity,
  type QuantSpec,
  type QuantSpecOptions,
  quantSpec,
  type Scheme,
} from './spec.js';
export { type CodedWeights, quantizeWeights, type WeightRange } from './weights.js';

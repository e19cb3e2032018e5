/**
 * The quantizers, as `import { quant } from 'bitplane'` gives them.
 */
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

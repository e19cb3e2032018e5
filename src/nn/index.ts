/**
 * Layers and models, as `import { nn } from 'bitplane'` gives them.
 */
export {
  clip,
  hardTanh,
  prelu,
  relu,
  rprelu,
  rsign,
  sigmoid,
  sign,
  softmax,
  tanh,
} from './activations.js';
export { type BatchNormOptions, batchNorm, normalizer } from './batch-norm.js';
export {
  add,
  addValues,
  concat,
  flatten,
  identity,
  type ResidualOptions,
  residual,
  sequential,
} from './compose.js';
export { type Conv2dOptions, conv2d } from './conv2d.js';
export { type DenseOptions, dense } from './dense.js';
export { constantOf, fanInUniform, heNormal, type Initializer, uniform } from './initializers.js';
export {
  type BuildOptions,
  type Built,
  Model,
  type ModelGraph,
  type ModelInput,
  type ModelOptions,
  model,
} from './model.js';
export {
  type AvgPoolOptions,
  avgPool2d,
  globalAvgPool,
  maxPool2d,
  type PoolOptions,
} from './pooling.js';
export type { InputOption, WeightOption } from './quantize.js';
export {
  type Applied,
  type Building,
  type Float,
  type Layer,
  type LayerOptions,
  layer,
  type NameOption,
  type Parameter,
  type Role,
  Scope,
} from './scope.js';
export type { State, StateLike } from './state.js';
export type { Cost, LayerSummary } from './summary.js';
export type { Pads } from './windows.js';

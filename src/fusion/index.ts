/**
 * Several networks of one architecture in one set of weights, as `import { fusion } from
 * 'bitplane'` gives them.
 */
export { openStore } from '../formats/model.js';
export type { Safetensors, StoredTensor } from '../formats/safetensors/safetensors.js';
export type { BitPlanes, Reading, SharedWeights } from '../formats/store/shared-weights.js';
export type { NamedWeights, Store, StoredTask } from '../formats/store/store.js';
export type {
  MaskedWeights,
  OwnedWeights as StoredOwnedWeights,
  TernaryWeights,
  TrunkWeights,
  WholeWeights,
} from '../formats/store/trunk-weights.js';
export {
  type BlockFloat,
  type BlockFloatSpec,
  blockFloat,
  type MantissaRounding,
} from '../quant/formats/block-float.js';
export { sliceMantissa } from '../quant/formats/float-fields.js';
export {
  type Dither,
  type Fused,
  type FuseOptions,
  type FusionMethod,
  fuse,
} from '../quant/formats/fused.js';
export { type SplitOptions, split } from '../quant/formats/split.js';
export {
  type AddTaskOptions,
  addTask,
} from './add-task.js';
export type { AddedTask } from './adding.js';
export {
  EXPONENT_RULES,
  type ExponentRule,
  MASK_KINDS,
  type MaskKind,
  TASK_METHODS,
  type TaskMethod,
} from './choices.js';
export { fewestBits } from './fewest-bits.js';
export { type FineTuneOptions, fineTune } from './fine-tune.js';
export {
  type FusedNetworks,
  type FuseNetworksOptions,
  fuseNetworks,
  type Network,
} from './fuse-networks.js';
export { type GridOptions, gridExponents, gridValues, gridWeights } from './grid.js';
export {
  claim,
  type OwnedWeights,
  ownGradient,
  type PruneOptions,
  prune,
  weightsOfTask,
} from './packnet.js';
export type { PhaseOptions, TaskPictures } from './phases.js';
export { type MaskOptions, maskedWeights, maskOf, maskWith } from './piggyback.js';
export { type QuantizedTask, type QuantizeTaskOptions, quantizeTask } from './quantize-task.js';
export { type RoundedNetworkOptions, roundedNetwork } from './rounded-network.js';
export { saveStore, type TaskGraphOptions, taskGraph } from './store-file.js';
export { type PapersCount, type StoreBytes, type StoreSizes, storeSizes } from './store-sizes.js';

/**
 * Methods that make networks small without data, as `import { methods } from 'bitplane'` gives
 * them: whole pipelines, and each of their steps as a function on graphs or numbers.
 */

export type { Histogram, HistogramCounts } from '../quant/observers/histogram.js';
export { type AciqOptions, type AciqResult, aciq, clippedRange } from './aciq/aciq.js';
export { type AllocateOptions, allocateBins, allocateBits } from './aciq/allocate-bits.js';
export { type ClipOptions, clip, clipOfLevels, clippingError, type Prior } from './aciq/clip.js';
export {
  type Clipping,
  type ClipRange,
  clipRange,
  quantizeWithin,
  type Spread,
  spreadOf,
} from './aciq/clip-range.js';
export { type WeightCorrection, weightCorrection } from './aciq/correct-weights.js';
export { type MidTreadOptions, midTread } from './aciq/mid-tread.js';
export { type AciqWeightOptions, type AciqWeights, aciqWeights } from './aciq/weights.js';
export { type Absorbed, type AbsorbOptions, absorbBias } from './dfq/absorb-bias.js';
export { type Corrected, type CorrectOptions, correctBias } from './dfq/correct-bias.js';
export {
  correctBiasByPictures,
  type PictureCorrectOptions,
} from './dfq/correct-by-pictures.js';
export { type DfqOptions, type DfqResult, dfq } from './dfq/dfq.js';
export {
  type Equalized,
  type EqualizedPair,
  type EqualizeOptions,
  equalize,
} from './dfq/equalize.js';
export { groupRanges, pairScales, type WeightRanges } from './dfq/equalize-pair.js';
export type { LeftOut } from './dfq/pairs.js';
export { releasedQuantization } from './dfq/released-quantization.js';
export { type Replaced, replaceRelu6 } from './dfq/replace-relu6.js';
export { type Stilled, settleStillChannels } from './dfq/still-channels.js';
export {
  type ClippedNormals,
  distributionsOf,
  type InputRanges,
  momentsOf,
} from './distributions.js';
export type { EpochOptions } from './epochs.js';
export { type ChannelNormals, type Folded, foldBatchNorms } from './folded.js';
export { type GdfqOptions, type GdfqResult, gdfq, gdfqStudentStep } from './gdfq/gdfq.js';
export { batchNormLoss, studentLoss } from './gdfq/losses.js';
export { type GeneratorOptions, generator } from './generator.js';
export type { Norm } from './norms.js';
export { histogramOf } from './synthetic.js';
export type { DataFreeOptions } from './without-data.js';
export type { ZaqOptions } from './zaq/options.js';
export { channelRelations, relationDistance, releasedDistance } from './zaq/relations.js';
export { type ZaqResult, zaq } from './zaq/zaq.js';
export {
  allocateLayerBits,
  type FrontierPoint,
  type LayerBits,
  type LayerErrors,
} from './zeroq/allocate-bits.js';
export { type Distilled, type DistillOptions, distill } from './zeroq/distill.js';
export { type PlateauOptions, plateau } from './zeroq/plateau.js';
export { type ReleasedCodes, zeroqQuantization } from './zeroq/released-quantization.js';
export { type SensitivityOptions, sensitivity } from './zeroq/sensitivity.js';
export type { StatisticsOver } from './zeroq/statistics-loss.js';
export { type MixedSize, type ZeroqOptions, type ZeroqResult, zeroq } from './zeroq/zeroq.js';

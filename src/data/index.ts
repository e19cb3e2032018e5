/** Pictures to train on, as `import { data } from 'bitplane'` gives them. */
export * from './augment/index.js';
export type { BatchBuffers } from './batch-buffers.js';
export type { BatchOptions } from './batch-options.js';
export { type Batches, batches, type PictureBatch } from './batches.js';
export type { Batch, Dataset, Skipped, Split } from './dataset.js';
export {
  cifar10,
  cifar100,
  type FolderPicturesOptions,
  type LabelledPicture,
  type LabelledPictures,
  mnist,
  type PublishedSetOptions,
  pictures,
} from './labelled-pictures.js';
export type { Normalization } from './normalization.js';
export type { Fit } from './picture.js';
export { type PictureSet, type PictureSetParts, pictureSet } from './picture-set.js';
export type { Color, Layout, Preprocess, Rounding } from './preprocess.js';
export { type ShapesOptions, shapes } from './shapes.js';
export { type SplitOptions, splitPictures, type TrainingSets } from './split-pictures.js';
export {
  openTrainingSets,
  type TrainingSetName,
  type TrainingSetsOptions,
} from './training-sets.js';

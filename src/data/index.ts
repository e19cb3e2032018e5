/** What training takes its pictures from, as a user imports it. */
export * from './augment/index.js';
export { type BatchBuffers, batchBuffers } from './batch-buffers.js';
export type { BatchOptions } from './batch-options.js';
export { type Batches, batches, type PictureBatch } from './batches.js';
export { openCifar10 } from './cifar10.js';
export type { Batch, Dataset, Skipped, Split } from './dataset.js';
export { type FolderOptions, openFolder } from './folder.js';
export { openMnist } from './mnist.js';
export {
  CIFAR10_NORMALIZATION,
  MNIST_NORMALIZATION,
  measureNormalization,
  type Normalization,
  trainedPreprocess,
} from './normalization.js';
export type { Fit } from './picture.js';
export {
  type LoadPicturesOptions,
  loadPictures,
  type PictureSet,
  type PictureSetParts,
  pickPictures,
  pictureSet,
} from './picture-set.js';
export type { Preprocess } from './preprocess.js';
export { type ShapesOptions, shapes } from './shapes.js';
export { type SplitOptions, splitPictures, type TrainingSets } from './split-pictures.js';
export {
  openTrainingSets,
  type TrainingSetName,
  type TrainingSetsOptions,
} from './training-sets.js';

/** The augmentations, as a user imports them. */
export type {
  Augmentation,
  AugmentationBase,
  AugmentationSettings,
  Erase,
  Mix,
  Move,
  PictureShape,
  Random,
  Rectangle,
} from './augmentation.js';
export { type CutoutOptions, cutout } from './cutout.js';
export { type FlipOptions, flip } from './flip.js';
export { type MixupOptions, mixup } from './mixup.js';
export type { Border, PixelMap } from './pixel-map.js';
export { type RandomCropOptions, randomCrop } from './random-crop.js';

/**
 * What may be done to a training picture, by chance: the kinds of augmentations and the numbers
 * that they give. Not here: any of them (the files beside this one), and applying them
 * (../batches.ts).
 *
 * An augmentation is a value without state. Its chances come from the stream of random numbers that
 * it is handed, one stream a picture and epoch, so a picture is prepared the same way in a batch of
 * any size and in any order of work.
 */
import type { PixelMap } from './pixel-map.js';

/** [H, W, C] of a picture. */
export type PictureShape = readonly [height: number, width: number, channels: 1 | 3];

/** Uniform in [0, 1), a multiple of 2^-32. */
export type Random = () => number;

/** The settings of an augmentation as plain JSON, for checkpoints and logs. */
export interface AugmentationSettings {
  /** What it is called. */
  readonly name: string;
  readonly [setting: string]: number | string;
}

/** What every augmentation has, whatever it does to a picture. */
export interface AugmentationBase {
  /** Its name and numbers, for checkpoints and logs. */
  readonly settings: AugmentationSettings;
  /**
   * Asked once before training.
   * @throws BitplaneError ERR_ARGUMENT where pictures of this shape cannot be treated so
   */
  check?(shape: PictureShape): void;
}

/** Moves pixels: says where each row and column of the new picture comes from. */
export interface Move extends AugmentationBase {
  /** What it does: it moves pixels. */
  readonly stage: 'move';
  /** Changes where each pixel comes from. */
  apply(map: PixelMap, random: Random): void;
}

/** Rows `top` to `bottom` and columns `left` to `right`, the ends exclusive. */
export interface Rectangle {
  /** First row, in pixels. */
  readonly top: number;
  /** First column, in pixels. */
  readonly left: number;
  /** The row behind the last, in pixels. */
  readonly bottom: number;
  /** The column behind the last, in pixels. */
  readonly right: number;
}

/** Sets a rectangle of the moved picture to the mean colour, 0 after normalization. */
export interface Erase extends AugmentationBase {
  /** What it does: it erases a rectangle. */
  readonly stage: 'erase';
  /** The rectangle to erase of a picture of so many pixels. */
  apply(height: number, width: number, random: Random): Rectangle;
}

/**
 * Mixes the picture with another one of the set: `apply` gives the share of the picture itself. The
 * targets are mixed alike.
 */
export interface Mix extends AugmentationBase {
  /** What it does: it mixes pictures. */
  readonly stage: 'mix';
  /** The share of the first picture, from 0 to 1. */
  apply(random: Random): number;
}

/** Listed in the order of their stages: moves, then erasures, then at most one mix. */
export type Augmentation = Move | Erase | Mix;

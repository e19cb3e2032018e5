/**
 * Pads a picture on all sides and crops its old size at a random place: a random shift of at most
 * `padding` pixels. Not here: crops that change the size.
 *
 * `zero` is torchvision's RandomCrop(size, padding) before ToTensor and Normalize: the border is
 * black, byte 0, and is normalized with the picture. `reflect` is torch's pad of that name; padding
 * before or after normalization is the same then, because every pixel of the border is one of the
 * picture.
 */
import { requireOneOf, requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Move } from './augmentation.js';
import { type Border, shiftAxis } from './pixel-map.js';

/** How far a picture is moved before it is cut. */
export interface RandomCropOptions {
  /** Pixels on each side; below the picture's sides. Default 4. */
  readonly padding?: number | undefined;
  /** Default 'zero'. */
  readonly mode?: Border | undefined;
}

const SITE = { op: 'randomCrop' };

/**
 * Training pictures get a border, of which a part of their own size is cut at a drawn place.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function randomCrop(options: RandomCropOptions = {}): Move {
  requireOptions(options, { padding: true, mode: true }, SITE);
  const { padding = 4, mode = 'zero' } = options;
  requireOneOf(mode, ['zero', 'reflect'], 'mode', SITE);
  if (!Number.isInteger(padding) || padding < 0)
    throw expected('ERR_ARGUMENT', 'padding to be a whole number of pixels', padding, SITE);
  const places = 2 * padding + 1;
  return {
    stage: 'move',
    settings: { name: 'randomCrop', padding, mode },
    check([height, width]) {
      if (padding >= Math.min(height, width)) {
        const what = `padding below the sides of pictures of ${width}x${height}`;
        throw expected('ERR_ARGUMENT', what, padding, SITE);
      }
    },
    apply({ rows, columns }, random) {
      shiftAxis(rows, Math.floor(random() * places) - padding, mode);
      shiftAxis(columns, Math.floor(random() * places) - padding, mode);
    },
  };
}

/**
 * Hides a square of the picture: DeVries and Taylor, Improved Regularization of Convolutional
 * Neural Networks with Cutout, arXiv:1708.04552. The square's centre is any pixel, so a part of the
 * square may lie outside; the square becomes 0 after normalization, the mean colour, as the paper
 * does.
 */
import { requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Erase } from './augmentation.js';

/** How large a square is erased. */
export interface CutoutOptions {
  /** Side of the square in pixels; the paper: 16 for CIFAR-10, 8 for CIFAR-100. */
  readonly size: number;
}

/**
 * Squares of training pictures become 0, at places that are drawn (DeVries and Taylor, arXiv
 * 1708.04552).
 * @throws BitplaneError ERR_ARGUMENT
 */
export function cutout(options: CutoutOptions): Erase {
  requireOptions(options, { size: true }, { op: 'cutout' });
  const { size } = options;
  if (!Number.isInteger(size) || size < 1)
    throw expected('ERR_ARGUMENT', 'size to be a number of pixels', size, { op: 'cutout' });
  const half = Math.floor(size / 2);
  return {
    stage: 'erase',
    settings: { name: 'cutout', size },
    apply(height, width, random) {
      const top = Math.floor(random() * height) - half;
      const left = Math.floor(random() * width) - half;
      return {
        top: Math.max(0, top),
        left: Math.max(0, left),
        bottom: Math.min(height, top + size),
        right: Math.min(width, left + size),
      };
    },
  };
}

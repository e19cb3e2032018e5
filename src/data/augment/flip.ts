/** Mirrors a picture, left to right. Not here: upside down. */
import { requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Move } from './augmentation.js';

/** How often a picture is mirrored. */
export interface FlipOptions {
  /** From 0 to 1, default 0.5. */
  readonly probability?: number | undefined;
}

/**
 * Training pictures are mirrored left to right, each with a chance of one half.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function flip(options: FlipOptions = {}): Move {
  requireOptions(options, { probability: true }, { op: 'flip' });
  const { probability = 0.5 } = options;
  if (typeof probability !== 'number' || !(probability >= 0 && probability <= 1))
    throw expected('ERR_ARGUMENT', 'a probability from 0 to 1', probability, { op: 'flip' });
  return {
    stage: 'move',
    settings: { name: 'flip', probability },
    apply({ columns }, random) {
      if (random() < probability) columns.reverse();
    },
  };
}

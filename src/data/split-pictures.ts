/** Splits a set of pictures into a part to train on and a part that training never sees. */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { type PictureSet, pickPictures, requirePictureSet } from './picture-set.js';
import { shuffled } from './streams.js';

/** Which share of a set is held out. */
export interface SplitOptions {
  /** Share of each class that is held out, above 0 and below 1. */
  readonly share: number;
  /** Which pictures are held out. Default 0. */
  readonly seed?: number | undefined;
}

/** Pictures to train on and pictures to test on. */
export interface TrainingSets {
  /** To train on. */
  readonly train: PictureSet;
  /** Held out: for evaluation only. */
  readonly test: PictureSet;
}

/**
 * Holds out the same share of each class, at least one picture of each; the order of the set is
 * kept within both parts.
 * @throws BitplaneError ERR_ARGUMENT where share is no share, or a class has one picture only
 */
export function splitPictures(set: PictureSet, options: SplitOptions): TrainingSets {
  requirePictureSet(set, 'splitPictures');
  requireOptions(options, { share: true, seed: true }, { op: 'splitPictures' });
  const { share, seed = 0 } = options;
  const site = { op: 'splitPictures', node: set.name };
  if (typeof share !== 'number' || !(share > 0 && share < 1))
    throw expected('ERR_ARGUMENT', 'a share above 0 and below 1', share, site);
  const members: number[][] = set.classes.map(() => []);
  for (let i = 0; i < set.size; i++) members[set.label(i)]?.push(i);
  const held = new Uint8Array(set.size);
  for (const [label, pictures] of members.entries()) {
    if (pictures.length === 0) continue;
    if (pictures.length === 1) {
      const what = 'at least 2 pictures of every class, one to hold out';
      throw expected('ERR_ARGUMENT', what, `1 of class ${set.classes[label]}`, site);
    }
    const wanted = Math.round(share * pictures.length);
    const count = Math.min(pictures.length - 1, Math.max(1, wanted));
    for (const at of shuffled(pictures.length, seed, label).subarray(0, count))
      held[pictures[at] as number] = 1;
  }
  const part = (name: string, flag: number) => {
    const indices = Uint32Array.from({ length: set.size }, (_, i) => i);
    return pickPictures(
      set,
      `${set.name} ${name}`,
      indices.filter((i) => held[i] === flag),
    );
  };
  return { train: part('train', 0), test: part('test', 1) };
}

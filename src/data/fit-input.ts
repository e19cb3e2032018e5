/**
 * Makes the pictures of a data set fit a model's input: the size that a recipe leaves open is that
 * of the input, and whether all fits is checked before the first picture is read. Not here:
 * preparing them (src/data/preprocess.ts).
 */
import { BitplaneError } from '../core/errors.js';
import { type Shape, showShape } from '../core/shape.js';
import type { TensorMetadata } from '../runtime/session-types.js';
import type { Dataset } from './dataset.js';
import { fitOf } from './picture.js';
import { channelsOf, type Preprocess } from './preprocess.js';
import type { Recipe } from './recipe.js';

/**
 * Remarks on colours that the recipe drops or adds.
 * @param giving how the caller gives another recipe, for errors
 * @throws BitplaneError ERR_SHAPE naming the recipe, and what in it to change
 */
export function checkFit(
  input: TensorMetadata,
  data: Pick<Dataset, 'name' | 'pictureShape'>,
  recipe: Recipe,
  giving = '--preprocess FILE.json',
): string[] {
  const { layout, color } = recipe.preprocess;
  const [height, width, stored] = data.pictureShape;
  const channels = channelsOf(color);
  const map = layout === 'NCHW' ? [channels, height, width] : [height, width, channels];
  const given: Shape = ['N', ...(layout === 'flat' ? [channels * height * width] : map)];
  if (!fits(input.shape, given)) {
    const received = `${showShape(given)}, pictures of ${data.name} prepared by ${recipe.source}`;
    const sentence =
      'expected ' +
      `${showShape(input.shape)}${wayOut(input.shape, channels, giving)} but received ${received}`;
    throw new BitplaneError('ERR_SHAPE', sentence, { op: 'eval', node: input.name });
  }
  if (stored === 3 && channels === 1)
    return [
      'colour pictures are turned gray, 0.299 r + 0.587 g + 0.114 b: the network takes one channel',
    ];
  if (stored === 1 && channels === 3)
    return ['gray pictures are repeated in three channels: the network takes colours'];
  return [];
}

/** True if the sizes agree; symbols such as the batch fit any size. */
function fits(declared: Shape, given: Shape): boolean {
  return (
    declared.length === given.length &&
    declared.every((dim, axis) => axis === 0 || typeof dim === 'string' || dim === given[axis])
  );
}

/** What a recipe must say for this input. */
function wayOut(declared: Shape, channels: number, giving: string): string {
  const [, a, b, c] = declared;
  const say = (json: object) => ` (${giving} with ${JSON.stringify(json).slice(1, -1)} gives it)`;
  if (declared.length === 2) {
    const side = Math.sqrt(Number(a) / channels);
    return say({ layout: 'flat', ...(Number.isInteger(side) ? { resize: side, crop: side } : {}) });
  }
  if (declared.length !== 4) return '';
  const last = c === 1 || c === 3;
  const layout = a === 1 || a === 3 ? 'NCHW' : last ? 'NHWC' : undefined;
  if (layout === undefined) return '';
  const side = layout === 'NCHW' ? b : a;
  const fit = typeof side === 'number' ? { resize: side, crop: side } : {};
  return say({ layout, color: (layout === 'NCHW' ? a : c) === 1 ? 'gray' : 'rgb', ...fit });
}

/** How many scores a picture gets; undefined where the shape leaves it open. */
export function classCount(shape: Shape): number | undefined {
  return shape
    .slice(1)
    .reduce<number | undefined>(
      (count, dim) => (typeof dim === 'number' && count !== undefined ? count * dim : undefined),
      1,
    );
}

/**
 * The recipe; where it leaves pictures as large as they are and the input has one size of a square,
 * with that size.
 */
export function fittedRecipe(input: Shape, recipe: Recipe): Recipe {
  const preprocess = fittedPreprocess(input, recipe.preprocess);
  return preprocess === recipe.preprocess ? recipe : { ...recipe, preprocess, isFitted: true };
}

/** The same of what a recipe says of pictures. */
export function fittedPreprocess(input: Shape, preprocess: Preprocess): Preprocess {
  if (fitOf(preprocess) !== undefined) return preprocess;
  const [, a, b, c] = input;
  const { layout, color } = preprocess;
  const side =
    layout === 'flat'
      ? Math.sqrt(Number(a) / channelsOf(color))
      : layout === 'NCHW'
        ? b === c && b
        : a === b && a;
  if (typeof side !== 'number' || !Number.isInteger(side)) return preprocess;
  return { ...preprocess, resize: side, crop: side };
}

/** What is said where pictures are made as large as the input, because the recipe says nothing. */
export function fittedNote({ preprocess: { crop }, source }: Recipe): string {
  return (
    `pictures are cut to ${crop}x${crop}, their shorter side resized: the input has that size ` +
    `and ${source} says no other`
  );
}

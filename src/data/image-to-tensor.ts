/**
 * Pictures to the tensor that a network takes: files, bytes and pixels alike, by a recipe. Not
 * here: data sets (labelled-pictures.ts), what a recipe says (preprocess.ts).
 */
import { requireNotAborted, requireObject, requireOptions, requireSignal } from '../core/checks.js';
import { type ErrorSite, expected } from '../core/errors.js';
import { Tensor } from '../tensor/tensor.js';
import { decodePicture, MAX_PIXELS, requireMaxPixels } from './decode-picture.js';
import { fittedPreprocess } from './fit-input.js';
import { inParallel } from './in-parallel.js';
import { fitOf, fitPicture, openPicture } from './picture.js';
import { type Preprocess, preprocessPixels } from './preprocess.js';
import { isRawPicture, type RawPicture, rawPixels } from './raw-picture.js';
import { type PictureTaker, pictureInput, preprocessOf, type RecipeLike } from './recipe.js';
import type { Pixels } from './resize.js';

/** The path of a JPEG, PNG, WebP, AVIF or TIFF file, its bytes, or pixels. */
export type Picture = string | URL | Uint8Array | ArrayBuffer | RawPicture;

/** Options of `imageToTensor`. */
export interface ImageOptions {
  /**
   * Files of more pixels are refused from their header; decoding takes 3 bytes a pixel. Default
   * 64,000,000, such as 8000 x 8000.
   */
  readonly maxPixels?: number | undefined;
  /**
   * The session or graph that the picture is for: where the recipe says no size, pictures get that
   * of its input. `recipeOf` gives such recipes the size already. Default: none.
   */
  readonly model?: PictureTaker | undefined;
  /** No further picture is read once it is aborted; the promise is rejected with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

const OP = 'imageToTensor';

/**
 * What a network takes for a picture, or for a list of pictures as one batch:
 *
 *     const image = await imageToTensor('cat.jpg', recipe);
 *     const { logits } = await session.run({ image });
 *
 * The shorter side is resized to `resize` pixels and a square of `crop` is cut from the centre,
 * where the recipe says so, or the `model` that is given has one size; then pixels become numbers
 * as the recipe has it. Files may be JPEG, PNG, WebP, AVIF or TIFF, gray, CMYK, with alpha or of 16
 * bits; they need the package sharp, pixels do not. The EXIF orientation is applied.
 *
 * @param picture a path, the bytes of a file, pixels `{ data, width, height }`, or a list of them
 * @param recipe from `readRecipe`, `recipeOf` or `recipes`, or the fields themselves
 * @returns [N, C, H, W], [N, H, W, C] or [N, C*H*W], as the recipe's layout says; N is 1 for one
 *   picture
 * @throws BitplaneError naming the file: ERR_IO where it cannot be read, ERR_FORMAT where it is no
 *   whole picture of these kinds, or several, ERR_LIMIT above `maxPixels`; ERR_SHAPE where pictures
 *   of a list differ in size and the recipe has no `crop`; ERR_ARGUMENT, ERR_UNSUPPORTED without
 *   sharp, ERR_ABORTED
 */
export async function imageToTensor(
  picture: Picture | readonly Picture[],
  recipe: RecipeLike,
  options: ImageOptions = {},
): Promise<Tensor<'f32'>> {
  requireOptions(options, { maxPixels: true, model: true, signal: true }, { op: OP });
  const { maxPixels = MAX_PIXELS, model, signal } = options;
  requireMaxPixels(options.maxPixels, OP);
  requireSignal(signal, { op: OP });
  const given = preprocessOf(recipe, OP);
  if (model !== undefined) requireObject(model, 'model to be a session or a graph', { op: OP });
  const preprocess = model === undefined ? given : fittedPreprocess(pictureInput(model), given);
  const list = Array.isArray(picture) ? (picture as readonly Picture[]) : [picture as Picture];
  if (list.length === 0) throw expected('ERR_ARGUMENT', 'at least one picture', 'none', { op: OP });
  const name = (at: number) => (Array.isArray(picture) ? `pictures[${at}]` : 'picture');
  const fitted = await inParallel(list, async (each, i) => {
    requireNotAborted(signal, 'reading pictures', { op: OP });
    return fittedPicture(each, nameOf(each, name(i)), preprocess, maxPixels);
  });
  requireNotAborted(signal, 'reading pictures', { op: OP });
  return batchOf(fitted, preprocess, (i) => nameOf(list[i] as Picture, name(i)));
}

/** What errors call a picture: its path, or its place. */
export function nameOf(picture: unknown, otherwise: string): string {
  return typeof picture === 'string' || picture instanceof URL ? String(picture) : otherwise;
}

/** A picture of any kind as pixels of the size that `preprocess` asks for. */
export async function fittedPicture(
  picture: Picture,
  name: string,
  preprocess: Preprocess,
  maxPixels: number,
): Promise<Pixels> {
  const pixels = await pixelsOf(picture, maxPixels, { op: OP, node: name });
  const fit = fitOf(preprocess);
  return fit === undefined ? pixels : fitPicture(pixels, fit, name);
}

async function pixelsOf(picture: Picture, maxPixels: number, site: ErrorSite): Promise<Pixels> {
  if (isRawPicture(picture)) return rawPixels(picture, site);
  const name = site.node as string;
  if (typeof picture === 'string' && picture !== '') return openPicture(picture, maxPixels);
  if (picture instanceof URL) return openPicture(picture, maxPixels);
  if (ArrayBuffer.isView(picture) && !(picture instanceof DataView))
    return decodePicture(
      new Uint8Array(picture.buffer, picture.byteOffset, picture.byteLength),
      name,
      maxPixels,
    );
  if (Object.prototype.toString.call(picture) === '[object ArrayBuffer]')
    return decodePicture(new Uint8Array(picture as ArrayBuffer), name, maxPixels);
  const what = 'a path, the bytes of a file, or pixels { data, width, height }';
  throw expected('ERR_ARGUMENT', what, picture, site);
}

/**
 * Pictures of one size as a batch. Gray ones among coloured ones become rgb.
 * @throws BitplaneError ERR_SHAPE naming one of another size
 */
export function batchOf(
  pictures: readonly Pixels[],
  preprocess: Preprocess,
  name: (i: number) => string,
): Tensor<'f32'> {
  const [{ height, width }] = pictures as readonly [Pixels];
  const other = pictures.findIndex((each) => each.height !== height || each.width !== width);
  if (other >= 0) {
    const each = pictures[other] as Pixels;
    throw expected(
      'ERR_SHAPE',
      `pictures of one size, ${width}x${height}, or a recipe with crop,`,
      `${each.width}x${each.height}`,
      { op: OP, node: name(other) },
    );
  }
  const parts = pictures.map(({ data, channels }) =>
    preprocessPixels(data, [height, width, channels], preprocess),
  );
  if (parts.length === 1) return parts[0] as Tensor<'f32'>;
  const [first] = parts as [Tensor<'f32'>];
  const whole = new Float32Array(parts.length * first.data.length);
  for (const [i, part] of parts.entries()) whole.set(part.data, i * first.data.length);
  return new Tensor('f32', whole, [parts.length, ...first.shape.slice(1)]);
}

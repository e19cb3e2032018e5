/**
 * The bytes of a picture file to rgb pixels. Not here: kinds of files (picture-kinds.ts), files,
 * sizes (picture.ts).
 *
 * Decoding is sharp's (libvips with the decoder of each kind), an optional peer dependency.
 * Embedded colour profiles are ignored, because the published networks were trained on pixels as
 * stored; gray and CMYK become rgb, alpha is dropped, 16 bits become 8, and the EXIF orientation is
 * applied. An animation, or a file of several pages, is refused: which of its pictures is meant
 * only the caller knows. So are pixels of floats, of which nothing says the range.
 *
 * Tolerance: on the photographs that came with resnet18-w1a1-imagenet and mobilenetv2-035 every
 * value is equal to the reference input (largest difference 0, mean 0). Another JPEG decoder may
 * differ by one or two levels of 255 a pixel.
 */
import { BitplaneError, expected } from '../core/errors.js';
import { overLimit } from '../core/limits.js';
import { isSize } from '../core/shape.js';
import { otherKind, PICTURE_KINDS, pictureKind } from './picture-kinds.js';
import type { Pixels } from './resize.js';

/** Decoding needs 3 bytes a pixel; larger pictures are refused from their header. */
export const MAX_PIXELS = 64e6;

/** @throws BitplaneError ERR_ARGUMENT for what is no number of pixels */
export function requireMaxPixels(maxPixels: unknown, op: string): void {
  if (maxPixels !== undefined && !(isSize(maxPixels) && maxPixels > 0))
    throw expected('ERR_ARGUMENT', 'maxPixels to be a whole number of 1 or more', maxPixels, {
      op,
    });
}

/**
 * Decodes the bytes of a picture file to rgb. `name` is the file's, for errors.
 * @throws BitplaneError as `openPicture` does
 */
export async function decodePicture(
  bytes: Uint8Array,
  name: string,
  maxPixels = MAX_PIXELS,
): Promise<Pixels> {
  const site = { op: 'picture', node: name };
  const kind = pictureKind(bytes);
  if (kind === undefined)
    throw expected('ERR_FORMAT', `a ${PICTURE_KINDS} file`, otherKind(bytes), { node: name });
  if (kind === 'PNG' && isAnimated(bytes))
    throw expected(
      'ERR_FORMAT',
      'one picture',
      'an animation; save the frame that is meant as a PNG of its own',
      site,
    );
  const sharp = await loadSharp();
  const options = { limitInputPixels: false, failOn: 'error', ignoreIcc: true } as const;
  const broken = (error: unknown) => {
    const why = (error as Error).message.trim().split('\n')[0];
    return new BitplaneError('ERR_FORMAT', `expected a whole picture (${why})`, {
      node: name,
      cause: error,
    });
  };
  const {
    width,
    height,
    pages = 1,
    depth,
  } = await sharp(bytes, options)
    .metadata()
    .catch((error) => {
      throw broken(error);
    });
  if (pages > 1)
    throw expected(
      'ERR_FORMAT',
      'one picture',
      `${pages} frames or pages; save the one that is meant as a PNG of its own`,
      site,
    );
  if (depth !== 'uchar' && depth !== 'ushort')
    throw expected('ERR_FORMAT', 'pixels of 8 or 16 bits', `pixels of type ${depth}`, site);
  if (width * height > maxPixels)
    throw overLimit(
      'maxPixels',
      `a picture of at most ${maxPixels / 1e6} megapixels`,
      `${width}x${height}`,
      site,
    );
  try {
    const { data, info } = await sharp(bytes, options)
      .rotate()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return {
      data: info.channels === 3 ? data : grayToRgb(data, info.channels),
      height: info.height,
      width: info.width,
      channels: 3,
    };
  } catch (error) {
    throw broken(error);
  }
}

/** A chunk acTL before the pixels says that a PNG is an animation. */
function isAnimated(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 8 <= view.length; at += 12 + view.readUInt32BE(at)) {
    const kind = view.toString('latin1', at + 4, at + 8);
    if (kind === 'acTL') return true;
    if (kind === 'IDAT') return false;
  }
  return false;
}

function grayToRgb(data: Uint8Array, channels: number): Uint8Array {
  const out = new Uint8Array((data.length / channels) * 3);
  for (let i = 0; i < out.length; i++) out[i] = data[Math.floor(i / 3) * channels] as number;
  return out;
}

async function loadSharp(): Promise<typeof import('sharp').default> {
  try {
    // The comment: webpack and ncc would else load sharp with the bundle, used or not.
    return (await import(/* webpackIgnore: true */ 'sharp')).default;
  } catch (error) {
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      'reading picture files needs the package sharp: npm install sharp',
      { cause: error },
    );
  }
}

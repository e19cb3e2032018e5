/**
 * JPEG and PNG files to rgb pictures of one size: decode, resize the shorter side, cut out the
 * centre. Not here: the resize arithmetic (resize.ts), pixels to numbers (preprocess.ts).
 *
 * Decoding is sharp's (libjpeg-turbo, libspng), an optional peer dependency. Embedded colour
 * profiles are ignored, because the published networks were trained on pixels as stored; gray and
 * CMYK become rgb, alpha is dropped, 16 bits become 8, and the EXIF orientation is applied.
 *
 * Tolerance: on the photographs that came with resnet18-w1a1-imagenet and mobilenetv2-035 every
 * value is equal to the reference input (largest difference 0, mean 0). Another JPEG decoder may
 * differ by one or two levels of 255 a pixel.
 */
import { readingAsync } from '../core/border.js';
import { BitplaneError, expected } from '../core/errors.js';
import { readBytes } from './files.js';
import type { Rounding } from './preprocess.js';
import { type Pixels, resize } from './resize.js';

/** Decoding needs 3 bytes a pixel; larger pictures are refused from their header. */
const MAX_PIXELS = 64e6;
const MAX_FILE = 2 ** 27;
const MAX_SIDE = 8192;

export interface Fit {
  /**
   * Length of the shorter side after resizing, in pixels; without it the picture keeps its size.
   */
  readonly resize?: number | undefined;
  /** Side of the square cut from the centre, in pixels. */
  readonly crop: number;
  /** 'nearest' unless given; see Preprocess. */
  readonly rounding?: Rounding | undefined;
}

/**
 * Reads a picture file into [crop, crop, 3].
 * @throws BitplaneError ERR_FORMAT naming the file where it is no whole JPEG or PNG,
 * ERR_UNSUPPORTED where sharp is not installed
 */
export async function readPicture(path: string, fit: Fit): Promise<Pixels> {
  return readingAsync({ node: path }, async () =>
    fitPicture(await decodePicture(await readBytes(path, MAX_FILE), path), fit, path),
  );
}

/**
 * Resizes the shorter side to `fit.resize` and cuts `fit.crop` from the centre. Only the pixels
 * inside the crop are computed.
 *
 * | rounding | longer side | larger part of an odd remainder | picture smaller than the crop |
 * | --- | --- | --- | --- |
 * | nearest | to the nearest pixel | right and below | error |
 * | torchvision | down | where left and top become even | black border, wider right and below |
 */
export function fitPicture(picture: Pixels, fit: Fit, name: string): Pixels {
  for (const side of [fit.resize ?? 1, fit.crop]) {
    if (!Number.isInteger(side) || side < 1 || side > MAX_SIDE) {
      throw expected('ERR_ARGUMENT', `resize and crop between 1 and ${MAX_SIDE} pixels`, side, {
        op: 'preprocess',
      });
    }
  }
  const { crop, rounding = 'nearest' } = fit;
  const tall = resized(picture.height, picture, fit);
  const wide = resized(picture.width, picture, fit);
  if (rounding === 'nearest' && crop > Math.min(tall, wide)) {
    throw expected(
      'ERR_ARGUMENT',
      `a picture of at least ${crop}x${crop} to crop`,
      `${wide}x${tall}`,
      { op: 'picture', node: name },
    );
  }
  const [rows, columns] = [centre(tall, crop, rounding), centre(wide, crop, rounding)];
  const window = { top: rows.from, left: columns.from, height: rows.count, width: columns.count };
  return bordered(resize(picture, tall, wide, window), crop, rows.at, columns.at);
}

/** A side of the resized picture. */
function resized(side: number, { height, width }: Pixels, fit: Fit): number {
  if (fit.resize === undefined) return side;
  const shorter = Math.min(height, width);
  // Multiplying first keeps the quotient exact where it is a whole number.
  const length = (fit.resize * side) / shorter;
  return fit.rounding === 'torchvision' ? Math.floor(length) : Math.round(length);
}

/** Which pixels of a side a crop takes, and at which pixel of the crop they begin. */
function centre(
  side: number,
  crop: number,
  rounding: Rounding,
): { from: number; count: number; at: number } {
  if (side < crop) return { from: 0, count: side, at: Math.floor((crop - side) / 2) };
  const less = Math.floor((side - crop) / 2);
  // Half a pixel is rounded to the even neighbour, as Python's round does.
  const up = rounding === 'torchvision' && (side - crop) % 2 === 1 && less % 2 === 1;
  return { from: up ? less + 1 : less, count: crop, at: 0 };
}

/** x in a black square of `side` pixels, its first pixel at [top, left]. */
function bordered(x: Pixels, side: number, top: number, left: number): Pixels {
  if (x.height === side && x.width === side) return x;
  const row = x.width * x.channels;
  const data = new Uint8Array(side * side * x.channels);
  for (let i = 0; i < x.height; i++)
    data.set(x.data.subarray(i * row, (i + 1) * row), ((top + i) * side + left) * x.channels);
  return { data, height: side, width: side, channels: x.channels };
}

/** Decodes the bytes of a JPEG or PNG to rgb. `name` is the file's, for errors. */
export async function decodePicture(bytes: Uint8Array, name: string): Promise<Pixels> {
  if (!isJpeg(bytes) && !isPng(bytes))
    throw expected('ERR_FORMAT', 'a JPEG or PNG file', `${bytes.length} other bytes`, {
      node: name,
    });
  const sharp = await loadSharp();
  try {
    const { data, info } = await sharp(bytes, {
      limitInputPixels: MAX_PIXELS,
      failOn: 'error',
      ignoreIcc: true,
    })
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
    const why = (error as Error).message.trim().split('\n')[0];
    throw new BitplaneError(
      'ERR_FORMAT',
      `expected a whole picture of at most ${MAX_PIXELS / 1e6} megapixels (${why})`,
      {
        node: name,
        cause: error,
      },
    );
  }
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

function isPng(bytes: Uint8Array): boolean {
  return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => bytes[i] === byte);
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
      'reading JPEG and PNG files needs the package sharp: npm install sharp',
      { cause: error },
    );
  }
}

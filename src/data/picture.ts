/**
 * Picture files to pictures of one size: the shorter side is resized, the centre cut out. Not here:
 * decoding (decode-picture.ts), the resize arithmetic (resize.ts), pixels to numbers
 * (preprocess.ts), pixels that a caller has decoded (raw-picture.ts).
 */
import { readingAsync } from '../core/border.js';
import { expected } from '../core/errors.js';
import { decodePicture, MAX_PIXELS } from './decode-picture.js';
import { readBytes } from './files.js';
import type { Preprocess, Rounding } from './preprocess.js';
import { type Pixels, resize } from './resize.js';

const MAX_FILE = 2 ** 27;
const MAX_SIDE = 8192;

/** How pictures of any size become pictures of one size. */
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

/** The size that a recipe gives all pictures; undefined where it leaves them as they are. */
export function fitOf({ resize, crop, rounding }: Preprocess): Fit | undefined {
  const side = crop ?? resize;
  return side === undefined ? undefined : { resize, crop: side, rounding };
}

/**
 * Reads a picture file into [crop, crop, 3].
 * @throws BitplaneError as `openPicture` does
 */
export async function readPicture(path: string, fit: Fit, maxPixels = MAX_PIXELS): Promise<Pixels> {
  return fitPicture(await openPicture(path, maxPixels), fit, path);
}

/**
 * Reads a picture file into [height, width, 3].
 * @throws BitplaneError ERR_FORMAT naming the file where it is no whole picture, ERR_LIMIT
 * where it has more pixels than `maxPixels`, ERR_UNSUPPORTED where sharp is not installed
 */
export function openPicture(path: string | URL, maxPixels = MAX_PIXELS): Promise<Pixels> {
  const name = String(path);
  return readingAsync({ node: name }, async () =>
    decodePicture(await readBytes(path, MAX_FILE), name, maxPixels),
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

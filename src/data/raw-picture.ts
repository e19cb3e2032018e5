/**
 * Pixels that a caller has decoded, such as a frame of a camera or the ImageData of a canvas. Not
 * here: files (picture.ts).
 */
import { carries } from '../core/dtype.js';
import { type ErrorSite, expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';
import type { Pixels } from './resize.js';

/** Pixels of 8 bits a channel, row by row: [height, width, channels]. */
export interface RawPicture {
  /** width * height * channels bytes, 0 dark, 255 bright. */
  readonly data: Uint8Array | Uint8ClampedArray;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /**
   * 1 (gray), 3 (rgb) or 4 (rgb and alpha, which is dropped). Default: what the length of `data`
   * says.
   */
  readonly channels?: number | undefined;
}

const CHANNELS = [1, 3, 4];

/** True for what is meant to be pixels, whether or not they are right. */
export function isRawPicture(value: unknown): value is RawPicture {
  return value !== null && typeof value === 'object' && 'data' in value && 'width' in value;
}

/**
 * The pixels, without alpha; those of one or three channels are shared.
 * @throws BitplaneError ERR_ARGUMENT where sizes and data do not fit each other
 */
export function rawPixels(picture: RawPicture, site: ErrorSite): Pixels {
  const { data, width, height } = picture;
  for (const [name, size] of Object.entries({ width, height }))
    if (!isSize(size) || size === 0)
      throw expected('ERR_ARGUMENT', `${name} to be a whole number of 1 or more`, size, site);
  const bytes = bytesOf(data);
  if (bytes === undefined)
    throw expected('ERR_ARGUMENT', 'pixels as a Uint8Array or Uint8ClampedArray', data, site);
  const channels = picture.channels ?? bytes.length / (width * height);
  if (!CHANNELS.includes(channels) || bytes.length !== width * height * channels) {
    const what =
      `${width}x${height} pixels of 1, 3 or 4 channels, ` +
      `${CHANNELS.map((c) => width * height * c).join(', ')} bytes,`;
    throw expected('ERR_ARGUMENT', what, `${bytes.length} bytes of ${channels} channels`, site);
  }
  if (channels !== 4) return { data: bytes, height, width, channels };
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0, from = 0; i < rgb.length; from += 4) {
    rgb[i++] = bytes[from] as number;
    rgb[i++] = bytes[from + 1] as number;
    rgb[i++] = bytes[from + 2] as number;
  }
  return { data: rgb, height, width, channels: 3 };
}

/** By its kind, not its class, which another realm has its own of. */
function bytesOf(data: unknown): Uint8Array | undefined {
  if (carries('u8', data)) return data;
  if (Object.prototype.toString.call(data) !== '[object Uint8ClampedArray]') return undefined;
  const { buffer, byteOffset, byteLength } = data as Uint8ClampedArray;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Bilinear resize with antialiasing of 8-bit pictures, computing only the part that a crop keeps.
 * Not here: decoding, and the choice of sizes (picture.ts).
 *
 * x is [H, W, C], y is [h, w, C]. The filter is a triangle, two pixels of the coarser grid wide, so
 * that shrinking averages all pixels that fall into a result pixel. With s = W / w (per axis), f =
 * max(1, s) and c = (i + 0.5) s:
 *
 *   y[i] = sum_k t((k + 0.5 - c) / f) x[k] / sum_k t((k + 0.5 - c) / f),   t(d) = max(0, 1 - |d|)
 *
 * over the pixels k from floor(c - f + 0.5) to floor(c + f + 0.5) - 1 that exist. Weights are
 * rounded to 22-bit fixed point and each pass, across then down, rounds to 8 bits. That is the
 * arithmetic of Pillow (and of torchvision on Pillow images), which the reference inputs of
 * published networks were made with; float intermediates differ from it by up to one level.
 */
import { expected } from '../core/errors.js';

/** Interleaved 8-bit samples, [height, width, channels]. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A rectangle of the resized picture. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Sums stay below 255 * 2^22 + 2^21 < 2^31: int32 arithmetic is exact. */
const FRACTION_BITS = 22;
const HALF = 1 << (FRACTION_BITS - 1);

/**
 * The source pixels of a run of result pixels: result i reads `weights[i]` from pixel `first[i]`
 * on.
 */
interface Taps {
  readonly first: Int32Array;
  readonly weights: readonly Int32Array[];
}

/**
 * `window` of x resized to [height, width]. Memory: the result, and the source rows it needs at the
 * window's width.
 */
export function resize(x: Pixels, height: number, width: number, window: Window): Pixels {
  if (
    window.top < 0 ||
    window.left < 0 ||
    window.top + window.height > height ||
    window.left + window.width > width
  ) {
    throw expected(
      'ERR_ARGUMENT',
      `a crop inside the resized ${width}x${height} picture`,
      `${window.width}x${window.height}`,
      {
        op: 'resize',
      },
    );
  }
  const across = taps(x.width, width, window.left, window.width);
  const down = taps(x.height, height, window.top, window.height);
  const rows = span(down);
  const narrow = resizeAcross(x, rows, across);
  return resizeDown(narrow, rows.from, down);
}

function taps(from: number, to: number, start: number, count: number): Taps {
  const scale = from / to;
  const reach = Math.max(1, scale);
  const first = new Int32Array(count);
  const weights: Int32Array[] = [];
  for (let i = 0; i < count; i++) {
    const center = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.floor(center - reach + 0.5));
    const high = Math.min(from, Math.floor(center + reach + 0.5));
    const raw = Array.from({ length: high - low }, (_, k) =>
      Math.max(0, 1 - Math.abs((low + k - center + 0.5) * (1 / reach))),
    );
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    first[i] = low;
    weights.push(
      Int32Array.from(raw, (weight) => Math.floor((weight / total) * 2 ** FRACTION_BITS + 0.5)),
    );
  }
  return { first, weights };
}

function span({ first, weights }: Taps): { from: number; to: number } {
  const last = first.length - 1;
  return {
    from: first[0] as number,
    to: (first[last] as number) + (weights[last] as Int32Array).length,
  };
}

function resizeAcross(
  x: Pixels,
  rows: { from: number; to: number },
  { first, weights }: Taps,
): Pixels {
  const { channels } = x;
  const out = new Uint8Array((rows.to - rows.from) * first.length * channels);
  let at = 0;
  for (let row = rows.from; row < rows.to; row++) {
    for (let i = 0; i < first.length; i++) {
      const weight = weights[i] as Int32Array;
      const base = (row * x.width + (first[i] as number)) * channels;
      for (let c = 0; c < channels; c++) {
        let sum = HALF;
        for (let k = 0; k < weight.length; k++)
          sum += (x.data[base + k * channels + c] as number) * (weight[k] as number);
        out[at++] = toByte(sum);
      }
    }
  }
  return { data: out, height: rows.to - rows.from, width: first.length, channels };
}

function resizeDown(x: Pixels, origin: number, { first, weights }: Taps): Pixels {
  const pitch = x.width * x.channels;
  const out = new Uint8Array(first.length * pitch);
  for (let i = 0; i < first.length; i++) {
    const weight = weights[i] as Int32Array;
    const base = ((first[i] as number) - origin) * pitch;
    for (let j = 0; j < pitch; j++) {
      let sum = HALF;
      for (let k = 0; k < weight.length; k++)
        sum += (x.data[base + k * pitch + j] as number) * (weight[k] as number);
      out[i * pitch + j] = toByte(sum);
    }
  }
  return { data: out, height: first.length, width: x.width, channels: x.channels };
}

/** Clamped, because the rounded weights of a pixel may sum to slightly more than one. */
function toByte(sum: number): number {
  return Math.min(255, sum >> FRACTION_BITS);
}

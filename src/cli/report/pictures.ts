/**
 * Pictures that a network was made with, as images of a page: numbers that its input takes, back to
 * bytes by its preprocessing. Not here: pictures of a data set (./training-page.ts).
 */
import { channelsOf, type Preprocess } from '../../data/preprocess.js';
import type { Pixels } from '../../data/resize.js';
import type { Tensor } from '../../tensor/tensor.js';
import { encodePng } from './png.js';
import { escapeHtml } from './svg.js';

/** Pictures shown at most. */
const SHOWN = 32;
/** The side that small pictures are drawn with. */
const SIDE = 64;

/**
 * The first pictures of a batch as HTML; undefined where the input holds no pictures.
 * @param pictures [N, C, H, W], [N, H, W, C], or [N, C*H*W] of squares, by `layout`
 */
export function pictureRow(
  pictures: Tensor<'f32'>,
  preprocess: Preprocess | undefined,
  title: (i: number) => string,
): string | undefined {
  if (preprocess === undefined) return undefined;
  const sizes = sizesOf(pictures, preprocess);
  if (sizes === undefined) return undefined;
  const count = Math.min(SHOWN, pictures.shape[0] as number);
  const images = Array.from({ length: count }, (_, i) => {
    const picture = pixelsOf(pictures, i, sizes, preprocess);
    const source = `data:image/png;base64,${encodePng(picture).toString('base64')}`;
    const text = escapeHtml(title(i));
    return `<img width="${SIDE}" alt="${text}" title="${text}" src="${source}">`;
  });
  return `<div>${images.join('')}</div>`;
}

interface Sizes {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

function sizesOf({ shape }: Tensor, { layout, color }: Preprocess): Sizes | undefined {
  const channels = channelsOf(color);
  const [, ...rest] = shape as readonly [number, ...number[]];
  if (layout === 'flat') {
    const side = Math.sqrt((rest[0] as number) / channels);
    const isSquare = rest.length === 1 && Number.isInteger(side);
    return isSquare ? { height: side, width: side, channels } : undefined;
  }
  if (rest.length !== 3) return undefined;
  const [a, b, c] = rest as [number, number, number];
  const [own, height, width] = layout === 'NCHW' ? [a, b, c] : [c, a, b];
  return own === channels ? { height, width, channels } : undefined;
}

function pixelsOf(
  { data }: Tensor<'f32'>,
  i: number,
  { height, width, channels }: Sizes,
  { layout, color, scale, mean, std }: Preprocess,
): Pixels {
  const plane = height * width;
  const pixels = new Uint8Array(plane * channels);
  for (let at = 0; at < plane; at++)
    for (let c = 0; c < channels; c++) {
      const place = layout === 'NHWC' ? at * channels + c : c * plane + at;
      const x = data[i * plane * channels + place] as number;
      const byte = (x * (std[c] ?? std[0])! + (mean[c] ?? mean[0])!) / scale;
      const shown = color === 'bgr' ? 2 - c : c;
      pixels[at * channels + shown] = Math.max(0, Math.min(255, Math.round(byte)));
    }
  return { data: pixels, height, width, channels };
}

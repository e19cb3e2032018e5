/**
 * Writes one picture of a set into a batch: bytes to normalized floats, moved and erased in one
 * pass. Not here: which picture, and what is done to it (./batches.ts).
 *
 * A byte becomes a float by a table of 256 for each channel, so that a pixel costs one look-up a
 * channel.
 */
import type { PictureShape, Rectangle } from './augment/augmentation.js';
import type { PixelMap } from './augment/pixel-map.js';
import { type Normalization, trainedPreprocess } from './normalization.js';
import { pixelLevels } from './preprocess.js';

const LEVELS = 256;

/** The floats of channel c are levels 256 c to 256 c + 255. */
export function levelTable(shape: PictureShape, normalization: Normalization): Float32Array {
  const [, , channels] = shape;
  const preprocess = trainedPreprocess(shape, normalization);
  const table = new Float32Array(channels * LEVELS);
  for (let c = 0; c < channels; c++) table.set(pixelLevels(preprocess, c), c * LEVELS);
  return table;
}

/**
 * out[i, j, c] = table[c][x[rows[i], columns[j], c]], x of [H, W, C] as `out` is; a row or column
 * of -1 is black, byte 0.
 */
export function writePicture(
  out: Float32Array,
  x: Uint8Array,
  { rows, columns }: PixelMap,
  table: Float32Array,
): void {
  if (table.length === LEVELS) writeGray(out, x, rows, columns, table);
  else writeRgb(out, x, rows, columns, table);
}

function writeGray(
  out: Float32Array,
  x: Uint8Array,
  rows: Int32Array,
  columns: Int32Array,
  table: Float32Array,
): void {
  const width = columns.length;
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = (rows[i] as number) * width;
    for (let j = 0; j < width; j++) {
      const column = columns[j] as number;
      const byte = row < 0 || column < 0 ? 0 : (x[row + column] as number);
      out[at++] = table[byte] as number;
    }
  }
}

function writeRgb(
  out: Float32Array,
  x: Uint8Array,
  rows: Int32Array,
  columns: Int32Array,
  table: Float32Array,
): void {
  const width = columns.length;
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = (rows[i] as number) * width;
    for (let j = 0; j < width; j++, at += 3) {
      const column = columns[j] as number;
      if (row < 0 || column < 0) {
        out[at] = table[0] as number;
        out[at + 1] = table[LEVELS] as number;
        out[at + 2] = table[2 * LEVELS] as number;
      } else {
        const from = 3 * (row + column);
        out[at] = table[x[from] as number] as number;
        out[at + 1] = table[LEVELS + (x[from + 1] as number)] as number;
        out[at + 2] = table[2 * LEVELS + (x[from + 2] as number)] as number;
      }
    }
  }
}

/** Sets a rectangle of out [H, W, C] to 0, the mean colour. */
export function eraseRectangle(
  out: Float32Array,
  [, width, channels]: PictureShape,
  { top, left, bottom, right }: Rectangle,
): void {
  for (let i = top; i < bottom; i++)
    out.fill(0, (i * width + left) * channels, (i * width + right) * channels);
}

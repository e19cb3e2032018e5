/**
 * The pictures of a data set as feeds of a calibration: the first ones, or some that are spread
 * evenly over it, because a folder has its classes one after another. Not here: what is concluded
 * from them (src/quant).
 */
import { BitplaneError, expected } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { type Preprocess, preprocessPixels } from '../data/preprocess.js';
import type { TensorMetadata } from '../runtime/session-types.js';
import type { Tensor } from '../tensor/tensor.js';

export interface CalibrationOptions {
  /** Pictures. */
  readonly count: number;
  /** Pictures a run, where the model leaves its batch open. */
  readonly batch: number;
  readonly spread: boolean;
  readonly onProgress?: (done: number) => void;
}

/**
 * Pictures that cannot be read are left out. Where a model's batch is fixed, the last batch is
 * filled up with its own first picture.
 * @throws BitplaneError ERR_FORMAT where no picture can be read
 */
export async function* calibrationFeeds(
  input: TensorMetadata,
  data: Dataset,
  preprocess: Preprocess,
  { count, batch, spread, onProgress }: CalibrationOptions,
): AsyncGenerator<Readonly<Record<string, Tensor>>> {
  if (input.dtype !== 'f32')
    throw expected('ERR_DTYPE', 'an input of dtype f32', input.dtype, {
      op: 'quantize',
      node: input.name,
    });
  const fixed = typeof input.shape[0] === 'number';
  const rows = fixed ? (input.shape[0] as number) : batch;
  const total = Math.min(count, data.size);
  let read = 0;
  for (let from = 0; from < total; from += rows) {
    const to = Math.min(total, from + rows);
    const pixels = await pixelsOf(data, from, to, spread ? total : undefined);
    onProgress?.(to);
    if (pixels.length === 0) continue;
    read += pixels.length;
    const whole = joined(pixels, fixed ? rows : pixels.length);
    yield { [input.name]: preprocessPixels(whole, data.pictureShape, preprocess) };
  }
  if (read === 0)
    throw new BitplaneError('ERR_FORMAT', 'expected pictures that can be read', {
      op: 'quantize',
      node: data.name,
    });
}

/** One array of bytes a picture. @param spread pictures are so many, evenly over the data set */
async function pixelsOf(
  data: Dataset,
  from: number,
  to: number,
  spread: number | undefined,
): Promise<Uint8Array[]> {
  const batches =
    spread === undefined
      ? [await data.read(from, to)]
      : await Promise.all(
          Array.from({ length: to - from }, (_, i) => {
            const at = Math.floor(((from + i) * data.size) / spread);
            return data.read(at, at + 1);
          }),
        );
  return batches.flatMap(({ pixels, labels }) => {
    const size = pixels.length / Math.max(1, labels.length);
    return Array.from(labels, (_, i) => pixels.subarray(i * size, (i + 1) * size));
  });
}

function joined(pictures: readonly Uint8Array[], rows: number): Uint8Array {
  const size = (pictures[0] as Uint8Array).length;
  const all = new Uint8Array(rows * size);
  for (let i = 0; i < rows; i++) all.set(pictures[i] ?? (pictures[0] as Uint8Array), i * size);
  return all;
}

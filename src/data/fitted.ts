/**
 * A data set whose pictures are resized and cropped for a network's input. Not here: the arithmetic
 * (resize.ts), and folders of pictures, which are fitted as they are decoded.
 */
import type { Dataset } from './dataset.js';
import { type Fit, fitPicture } from './picture.js';

/**
 * `data` with every picture resized and cropped by `fit`; `data` itself where that changes nothing.
 */
export function fitDataset(data: Dataset, fit: Fit): Dataset {
  const [height, width, channels] = data.pictureShape;
  if (height === width && height === fit.crop && (fit.resize ?? height) === height) return data;
  const { crop } = fit;
  return {
    ...data,
    pictureShape: [crop, crop, channels],
    async read(from, to) {
      const { pixels, labels, ...rest } = await data.read(from, to);
      const out = new Uint8Array(labels.length * crop * crop * channels);
      for (let i = 0; i < labels.length; i++) {
        const picture = pixels.subarray(
          i * height * width * channels,
          (i + 1) * height * width * channels,
        );
        out.set(
          fitPicture({ data: picture, height, width, channels }, fit, data.name).data,
          i * crop * crop * channels,
        );
      }
      return { pixels: out, labels, ...rest };
    },
  };
}

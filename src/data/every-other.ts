/**
 * Every other picture of a data set: two halves that share no picture and, whatever the order of
 * the classes, have the same mix of them. What is chosen on one half can be confirmed on the other.
 * Not here: random parts (./split-pictures.ts).
 */
import { type Batch, checkRange, type Dataset } from './dataset.js';

/** The pictures first, first + 2, ... of the first `count`. */
export function everyOther(data: Dataset, first: 0 | 1, count = data.size): Dataset {
  const within = Math.min(count, data.size);
  const size = Math.max(0, Math.ceil((within - first) / 2));
  const name = `${data.name}, every other picture from ${first + 1}`;
  return {
    ...data,
    name,
    size,
    async read(from, to) {
      checkRange(name, size, from, to);
      // One at a time: pictures that cannot be read leave no gap in a longer range.
      const parts: Batch[] = [];
      for (let i = from; i < to; i++) {
        const at = first + 2 * i;
        parts.push(await data.read(at, at + 1));
      }
      const labels = Int32Array.from(parts.flatMap((part) => [...part.labels]));
      const pixels = Buffer.concat(parts.map((part) => part.pixels));
      const skipped = parts.flatMap((part) => part.skipped ?? []);
      return { pixels: new Uint8Array(pixels), labels, skipped };
    },
  };
}

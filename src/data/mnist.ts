/**
 * MNIST as its authors publish it: {train,t10k}-{images-idx3,labels-idx1}-ubyte, plain or .gz. Any
 * data set in the same files (Fashion-MNIST, KMNIST) reads too, with labels 0 to 9. Not here: the
 * IDX container.
 */
import { dirname } from 'node:path';
import { expected } from '../core/errors.js';
import { checkRange, type Dataset, type Split } from './dataset.js';
import { findFile } from './files.js';
import { readIdx } from './idx.js';

const CLASSES = 10;
/** Of its authors. */
const PAGE = 'http://yann.lecun.com/exdb/mnist/';
const CHILDREN = ['mnist', 'MNIST/raw', 'MNIST', 'raw'];

/**
 * Opens a split of MNIST. `dir` holds the files, or has a child `mnist`, `MNIST/raw`, `MNIST` or
 * `raw` that does. Pictures are [H, W, 1], 0 black.
 * @throws BitplaneError ERR_IO where a file is missing, ERR_FORMAT where one is damaged or the two
 * disagree
 */
export async function openMnist(dir: string, split: Split = 'test'): Promise<Dataset> {
  const prefix = split === 'test' ? 't10k' : 'train';
  const imagesPath = findFile(dir, CHILDREN, fileNames(prefix, 'images', 3), PAGE);
  const labelsPath = findFile(dirname(imagesPath), [], fileNames(prefix, 'labels', 1), PAGE);
  const images = await readIdx(imagesPath, 3);
  const labels = await readIdx(labelsPath, 1);

  const [size = 0, height = 0, width = 0] = images.shape;
  if (size === 0 || height === 0 || width === 0) {
    throw expected('ERR_FORMAT', 'at least one picture of at least one pixel', images.shape, {
      node: imagesPath,
    });
  }
  if (labels.data.length !== size)
    throw expected('ERR_FORMAT', `${size} labels, one a picture`, labels.data.length, {
      node: labelsPath,
    });
  const bad = labels.data.findIndex((label) => label >= CLASSES);
  if (bad >= 0)
    throw expected('ERR_FORMAT', `labels below ${CLASSES}`, `${labels.data[bad]} at ${bad}`, {
      node: labelsPath,
    });

  const name = `mnist ${split}`;
  const pixels = height * width;
  return {
    name,
    classes: Array.from({ length: CLASSES }, (_, digit) => String(digit)),
    size,
    pictureShape: [height, width, 1],
    notes: [],
    async read(from, to) {
      checkRange(name, size, from, to);
      return {
        pixels: images.data.slice(from * pixels, to * pixels),
        labels: Int32Array.from(labels.data.subarray(from, to)),
      };
    },
  };
}

/** The published name, and the spelling with a dot that some mirrors use. */
function fileNames(prefix: string, kind: string, rank: number): string[] {
  return ['-', '.'].flatMap((dash) =>
    ['', '.gz'].map((gz) => `${prefix}-${kind}${dash}idx${rank}-ubyte${gz}`),
  );
}

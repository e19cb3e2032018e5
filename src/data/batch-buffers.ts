/** The arrays that batches are written into, so that an epoch allocates none. */
import { expected } from '../core/errors.js';
import type { PictureSet } from './picture-set.js';

/** Memory that batches are written into, so that an epoch allocates it once. */
export interface BatchBuffers {
  /** At least [batchSize, H, W, C]. */
  readonly x: Float32Array;
  /** At least [batchSize]. */
  readonly labels: Int32Array;
  /** At least [batchSize, classes], where batches carry targets. */
  readonly targets?: Float32Array | undefined;
}

export interface BufferSizes {
  readonly batchSize: number;
  readonly targets?: boolean | undefined;
}

type Shaped = Pick<PictureSet, 'name' | 'pictureShape' | 'classes'>;

/** Buffers for batches of a set. */
export function batchBuffers(set: Shaped, sizes: BufferSizes): BatchBuffers {
  const { x, labels, targets } = lengths(set, sizes);
  return {
    x: new Float32Array(x),
    labels: new Int32Array(labels),
    ...(sizes.targets === true ? { targets: new Float32Array(targets) } : {}),
  };
}

function lengths({ pictureShape, classes }: Shaped, { batchSize, targets }: BufferSizes) {
  const [height, width, channels] = pictureShape;
  return {
    x: batchSize * height * width * channels,
    labels: batchSize,
    targets: targets === true ? batchSize * classes.length : 0,
  };
}

/** @throws BitplaneError ERR_ARGUMENT where a buffer is missing, of another type, or too short */
export function checkBuffers(
  buffers: readonly BatchBuffers[],
  set: Shaped,
  sizes: BufferSizes,
): void {
  const site = { op: 'batches', node: set.name };
  if (!Array.isArray(buffers) || buffers.length === 0)
    throw expected('ERR_ARGUMENT', 'a list of at least one buffer', buffers, site);
  const wanted = lengths(set, sizes);
  for (const buffer of buffers) {
    for (const [name, kind] of [
      ['x', Float32Array],
      ['labels', Int32Array],
      ['targets', Float32Array],
    ] as const) {
      const array = buffer[name];
      if (name === 'targets' && wanted.targets === 0) continue;
      if (!(array instanceof kind) || array.length < wanted[name]) {
        const what = `buffers with ${name}, a ${kind.name} of at least ${wanted[name]} elements`;
        throw expected('ERR_ARGUMENT', what, array, site);
      }
    }
  }
}

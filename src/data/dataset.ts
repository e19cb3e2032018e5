/**
 * The interface of a data set: a fixed number of labelled pictures of one size. Not here: any file
 * format.
 */
import { expected } from '../core/errors.js';

/** A picture that could not be read, and why. */
export interface Skipped {
  /** Its path. */
  readonly file: string;
  /** The sentence of the error. */
  readonly why: string;
}

/**
 * Consecutive pictures of a data set. Pixels are bytes, [N, H, W, C]; `labels[i]` indexes
 * `classes`.
 */
export interface Batch {
  /** Bytes [N, H, W, C]. */
  readonly pixels: Uint8Array;
  /** [N], each an index of `classes`. */
  readonly labels: Int32Array;
  /** The pictures of the range that could not be read; `pixels` and `labels` hold the others. */
  readonly skipped?: readonly Skipped[];
}

/** A fixed number of labelled pictures of one size, read by ranges. */
export interface Dataset {
  /** What errors and reports call it. */
  readonly name: string;
  /** What each label means. */
  readonly classes: readonly string[];
  /** Number of pictures. */
  readonly size: number;
  /** [H, W, C] of every picture; C is 1 (gray) or 3 (rgb). */
  readonly pictureShape: readonly [height: number, width: number, channels: 1 | 3];
  /** Remarks to read before trusting a result, such as how labels were assigned. */
  readonly notes: readonly string[];
  /**
   * Pictures `from` (inclusive) to `to` (exclusive).
   * @throws BitplaneError ERR_ARGUMENT outside 0..size, ERR_FORMAT or ERR_IO where a picture cannot
   * be read
   */
  read(from: number, to: number): Promise<Batch>;
}

/** Which part of a published data set: pictures to test on, or to train on. */
export type Split = 'test' | 'train';

/** Rejects a range that a data set does not hold. */
export function checkRange(name: string, size: number, from: number, to: number): void {
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to < from || to > size) {
    throw expected('ERR_ARGUMENT', `a range within 0..${size}`, `${from}..${to}`, {
      op: 'dataset',
      node: name,
    });
  }
}

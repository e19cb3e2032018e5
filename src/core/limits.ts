/**
 * How much a graph or a file may ask for. Not here: the options that raise a limit
 * (src/runtime/limits.ts); counting, which the readers and passes do.
 */
import { BitplaneError, type ErrorSite } from './errors.js';

/**
 * Characters of a name: of a value, an input or output, an op, a symbol. No model that people write
 * comes near.
 */
export const MAX_NAME = 1000;
/** Axes of a value or tensor, as in numpy. */
export const MAX_RANK = 32;

/** What one model may ask for. */
export interface Limits {
  /** Values of a graph: inputs, constants, states and results of ops. */
  readonly maxNodes: number;
  /** Bytes of what passes make, of packed weights, and of the memory and results of a run. */
  readonly maxBytes: number;
  /** Bytes that an import makes out of nothing: filled constants, lists of integers. */
  readonly madeBytes: number;
}

/** For graphs that the caller builds in code. */
export const UNLIMITED: Limits = { maxNodes: Infinity, maxBytes: Infinity, madeBytes: Infinity };

/**
 * Bytes that may still be taken. Taking more throws an error that names the option which raises the
 * limit.
 */
export class Budget {
  private taken = 0;

  constructor(
    private readonly most: number,
    private readonly what: string,
  ) {}

  /** @throws BitplaneError ERR_LIMIT */
  take(bytes: number, site: ErrorSite): void {
    this.taken += bytes;
    if (!(this.taken <= this.most))
      throw overLimit(
        'maxBytes',
        `at most ${showBytes(this.most)} for ${this.what}`,
        showBytes(this.taken),
        site,
      );
  }
}

/** `expected at most ... but received ...; the option ... raises the limit` */
export function overLimit(
  option: keyof Limits | 'maxFileBytes' | 'maxPixels',
  what: string,
  received: string,
  site: ErrorSite,
): BitplaneError {
  return new BitplaneError(
    'ERR_LIMIT',
    `expected ${what} but received ${received}; the option ${option} raises the limit`,
    site,
  );
}

export function showBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return 'more bytes than can be counted';
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)),
  );
  const number = bytes / 2 ** (10 * power);
  return `${power === 0 ? number : number.toFixed(1)} ${units[power]}`;
}

/**
 * The range that an observer takes of a histogram: one function an observer, in a table. All are
 * deterministic. Not here: gathering the histogram (./histogram.ts), scales (../affine.ts).
 */
import { type Complete, unknownName } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Range } from '../affine.js';
import type { QuantSpec } from '../spec.js';
import { entropyRange } from './entropy.js';
import type { Histogram } from './histogram.js';
import { mseRange } from './mse.js';

/**
 * - `minmax`: every number that was seen
 * - `percentile`: all but the share that `percentile` leaves out, half of it at either end
 * - `mse`: the range whose codes are nearest to the numbers in squares, by search
 * - `entropy`: the range whose codes keep most of the distribution in the sense of Kullback and
 *   Leibler, as TensorRT calibrates
 */
export type ObserverName = 'minmax' | 'percentile' | 'mse' | 'entropy';

/** How the range of activations is chosen from what was seen. */
export interface ObserverOptions {
  /** By which rule. */
  readonly name: ObserverName;
  /** For `percentile`: percent of the numbers that are kept. Default 99.99. */
  readonly percentile?: number | undefined;
}

const RANGES: Readonly<
  Record<ObserverName, (seen: Histogram, spec: QuantSpec, percentile: number) => Range>
> = {
  minmax: ({ min, max }) => ({ lo: min, hi: max }),
  percentile: (seen, _spec, percentile) => percentileRange(seen, percentile),
  mse: mseRange,
  entropy: entropyRange,
};

export const OBSERVERS = Object.keys(RANGES) as readonly ObserverName[];
const DEFAULT_PERCENTILE = 99.99;

/** @throws BitplaneError ERR_ARGUMENT naming the option */
export function observerOf(given: ObserverName | ObserverOptions): Complete<ObserverOptions> {
  const options = typeof given === 'string' ? { name: given } : given;
  const { name, percentile = DEFAULT_PERCENTILE } = options ?? {};
  const site = { op: 'observer' };
  if (!OBSERVERS.includes(name))
    throw unknownName('an observer of', name ?? given, OBSERVERS, site);
  if (!(typeof percentile === 'number' && percentile > 0 && percentile <= 100))
    throw expected('ERR_ARGUMENT', 'percentile above 0 and at most 100', percentile, site);
  return { name, percentile };
}

/** The range of numbers that were seen, for codes of `spec`. [0, 0] where there was none but 0. */
export function rangeOf(
  seen: Histogram,
  spec: QuantSpec,
  { name, percentile }: Complete<ObserverOptions>,
): Range {
  if (seen.width === 0) return { lo: 0, hi: 0 };
  return RANGES[name](seen, spec, percentile);
}

/**
 * Between the quantiles (100 - p) / 2 and (100 + p) / 2; where all numbers have one sign, 0 and the
 * quantile p. The far edge of the bin counts, within what was seen.
 */
function percentileRange(seen: Histogram, percentile: number): Range {
  const { above, below, count, min, max, width } = seen;
  const oneSided = min >= 0 || max <= 0;
  const dropped = (count * (1 - percentile / 100)) / (oneSided ? 1 : 2);
  const edge = (bins: Float64Array): number => {
    let rest = dropped;
    let i = bins.length - 1;
    // The number at the edge is kept, so that dropping less than one drops none.
    for (; i > 0; i--) {
      if (bins[i]! > rest) break;
      rest -= bins[i]!;
    }
    return (i + 1) * width;
  };
  return {
    lo: min >= 0 ? 0 : Math.max(min, -edge(below)),
    hi: max <= 0 ? 0 : Math.min(max, edge(above)),
  };
}

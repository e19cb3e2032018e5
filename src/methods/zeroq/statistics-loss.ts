/**
 * How far the maps of pictures are from what batch norms know of them: the squared distance of
 * means and of standard deviations, summed over channels and layers. Cai et al., "ZeroQ", CVPR
 * 2020, arXiv 2001.00281, equation 2, whose sum begins with the pictures themselves, mean 0 and
 * deviation 1. Not here: pictures that make it small (./distill.ts).
 */

import { BitplaneError, expected } from '../../core/errors.js';
import { elementCount } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { GraphBuilder } from '../../ops/builder.js';
import { Tensor } from '../../tensor/tensor.js';
import type { Norm, Seen } from '../norms.js';

type Float = Value<'f32'>;

/**
 * What statistics are taken over. 'batch': all pixels of all pictures, as the paper writes them.
 * 'sample': the pixels of each picture, so that every picture has them by itself; as released.
 */
export type StatisticsOver = 'batch' | 'sample';

/** Added to variances, as released. */
const LEAST = 1e-6;

export interface StatisticsLoss {
  /** Of each norm, then of the pictures: that of the means, that of the deviations. */
  readonly terms: readonly Float[];
  readonly loss: Float;
}

/**
 * 'batch': |mean - mu|^2 + |std - sigma|^2; 'sample': the mean of that over the pictures. Variances
 * are unbiased.
 * @throws BitplaneError ERR_UNSUPPORTED naming a norm of maps that have one number a channel
 */
export function statisticsLoss(
  g: GraphBuilder,
  norms: readonly Norm[],
  { maps, pictures }: Pick<Seen, 'maps' | 'pictures'>,
  over: StatisticsOver,
): StatisticsLoss {
  const ofNorms = norms.flatMap(({ name, mean, variance }, i) => {
    const std = variance.map((number) => Math.sqrt(number + LEAST));
    return termsOf(g, maps[i]!, mean, std, over, name);
  });
  const terms = [...ofNorms, ...ofPictures(g, pictures, over)];
  return { terms, loss: terms.reduce((a, b) => g.add(a, b)) };
}

/** Pictures are normalized: mean 0, deviation 1. */
function ofPictures(g: GraphBuilder, map: Float | undefined, over: StatisticsOver): Float[] {
  if (map === undefined) return [];
  const channels = map.shape.at(-1) as number;
  const [zeros, ones] = [new Float32Array(channels), new Float32Array(channels).fill(1)];
  return termsOf(g, map, zeros, ones, over, 'the pictures');
}

function termsOf(
  g: GraphBuilder,
  map: Float,
  mean: Float32Array,
  std: Float32Array,
  over: StatisticsOver,
  name: string,
): Float[] {
  const own = over === 'batch' ? ofBatch(g, map, name) : ofSamples(g, map, name);
  const wanted = { mean, std };
  return (['mean', 'std'] as const).map((which) => {
    const numbers = new Tensor('f32', wanted[which], [wanted[which].length]);
    const distance = g.sub(own[which], g.constant(numbers));
    const squares = g.mul(distance, distance);
    const sum = g.reduce(squares, 'sum', [...squares.shape.keys()]);
    return over === 'batch' ? sum : g.mul(sum, 1 / (map.shape[0] as number));
  });
}

interface Statistics {
  readonly mean: Float;
  readonly std: Float;
}

/** Of [..., C] over all axes but the last: [C]. */
function ofBatch(g: GraphBuilder, map: Float, name: string): Statistics {
  const channels = map.shape.at(-1) as number;
  const count = elementCount(map.shape.slice(0, -1) as number[]);
  if (count < 2)
    throw expected('ERR_ARGUMENT', 'a count of 2 or more, for deviations,', count, {
      op: 'batchNorm',
      node: name,
    });
  const both = g.moments(map);
  const row = (i: number) =>
    g.reshape(g.slice(both, [i, 0], [i + 1, channels]), [channels]) as Float;
  return { mean: row(0), std: deviation(g, g.mul(row(1), count / (count - 1))) };
}

/** Of [N, H, W, C] over H and W: [N, C]. */
function ofSamples(g: GraphBuilder, map: Float, name: string): Statistics {
  const [, height, width] = map.shape as readonly number[];
  const count = map.shape.length === 4 ? (height as number) * (width as number) : 1;
  if (count < 2)
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      "expected maps of 2 pixels or more, or statistics: 'batch', but received 1 pixel",
      { op: 'batchNorm', node: name },
    );
  const mean = g.reduce(map, 'mean', [1, 2], { keepDims: true });
  const centred = g.sub(map, mean);
  const squares = g.reduce(g.mul(centred, centred), 'sum', [1, 2]);
  const flat = g.reshape(mean, squares.shape) as Float;
  return { mean: flat, std: deviation(g, g.mul(squares, 1 / (count - 1))) };
}

function deviation(g: GraphBuilder, variance: Float): Float {
  return g.sqrt(g.add(variance, LEAST));
}

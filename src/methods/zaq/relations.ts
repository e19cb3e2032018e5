/**
 * How the channels of a map relate to each other, and how far two networks differ in that: the
 * channel relation maps of ZAQ's paper, and what its release compares in their place. Liu, Zhang,
 * Wang, CVPR 2021, arXiv 2103.15263. Not here: weights of layers (./zaq.ts).
 *
 * A map is [N, H, W, C]; P = H W pixels.
 */
import type { Value } from '../../graph/value.js';
import type { GraphBuilder } from '../../ops/builder.js';
import { meanAbsoluteError } from '../../train/losses.js';

type Float = Value<'f32'>;

/** The least norm of a channel. */
const LEAST = 1e-12;

/**
 * R[i, j] = <f_i, f_j> / (|f_i| |f_j|), f_i being channel i over all pixels and pictures.
 * @throws BitplaneError ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function channelRelations(g: GraphBuilder, map: Float): Float {
  const [n, h, w, c] = map.shape as readonly [number, number, number, number];
  const rows = g.reshape(map, [n * h * w, c]) as Float;
  const squares = g.reduce(g.mul(rows, rows), 'sum', [0], { keepDims: true });
  // The root has no slope at 0; what is added there is far below a rounding elsewhere.
  const unit = g.div(rows, g.sqrt(g.add(squares, LEAST)));
  return g.matmul(g.transpose(unit, [1, 0]) as Float, unit);
}

/**
 * The mean of |R - R'| over all pairs of channels.
 * @throws BitplaneError ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function relationDistance(g: GraphBuilder, student: Float, teacher: Float): Float {
  return meanAbsoluteError(g, channelRelations(g, student), channelRelations(g, teacher));
}

/** Of the attention that is added to a map, as released. */
const SHARE = 0.1;

/** x + 0.1 softmax(x x^T) x over the pixels of each picture, as released. */
export function spatialAttention(g: GraphBuilder, map: Float): Float {
  const rows = pixelRows(g, map);
  const attention = g.softmax(batchedProduct(g, rows, rows));
  return attended(g, map, batchedProduct(g, attention, turned(g, rows)));
}

/** x + 0.1 softmax(max(x^T x) - x^T x) x over the channels of each picture, as released. */
export function channelAttention(g: GraphBuilder, map: Float): Float {
  const rows = turned(g, pixelRows(g, map));
  const energy = batchedProduct(g, rows, rows);
  const most = g.reduce(energy, 'max', [2], { keepDims: true });
  const attention = g.softmax(g.sub(most, energy));
  return attended(g, map, turned(g, batchedProduct(g, attention, turned(g, rows))));
}

/** Each pixel divided by its norm over the channels. */
export function unitPixels(g: GraphBuilder, map: Float): Float {
  const squares = g.reduce(g.mul(map, map), 'sum', [3], { keepDims: true });
  return g.div(map, g.max(g.sqrt(g.add(squares, LEAST ** 2)), LEAST));
}

/**
 * The mean of |a - b| of both attentions of two maps, added.
 * @throws BitplaneError ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function releasedDistance(g: GraphBuilder, student: Float, teacher: Float): Float {
  const [s, t] = [unitPixels(g, student), unitPixels(g, teacher)];
  return g.add(
    meanAbsoluteError(g, channelAttention(g, s), channelAttention(g, t)),
    meanAbsoluteError(g, spatialAttention(g, s), spatialAttention(g, t)),
  );
}

/** [N, H, W, C] -> [N, P, C]. */
function pixelRows(g: GraphBuilder, map: Float): Float {
  const [n, h, w, c] = map.shape as readonly [number, number, number, number];
  return g.reshape(map, [n, h * w, c]) as Float;
}

/** [N, A, B] -> [N, B, A]. */
function turned(g: GraphBuilder, x: Float): Float {
  return g.transpose(x, [0, 2, 1]) as Float;
}

function attended(g: GraphBuilder, map: Float, rows: Float): Float {
  return g.add(map, g.mul(g.reshape(rows, map.shape) as Float, SHARE));
}

/**
 * a b^T of each picture, a being [N, A, K] and b [N, B, K]: [N, A, B]. It is a convolution of one
 * pixel in N groups, whose channels are the pictures' numbers.
 */
export function batchedProduct(g: GraphBuilder, a: Float, b: Float): Float {
  const [n, rows, depth] = a.shape as readonly [number, number, number];
  const columns = b.shape[1] as number;
  const side = g.reshape(g.transpose(a, [1, 0, 2]), [1, rows, 1, n * depth]) as Float;
  const weights = g.reshape(b, [n * columns, 1, 1, depth]) as Float;
  const y = g.conv2d(side, weights, { groups: n });
  return g.transpose(g.reshape(y, [rows, n, columns]), [1, 0, 2]) as Float;
}

/**
 * Widths by layer at a given size: of all choices the one whose errors sum to the least. Layers are
 * taken as independent, so the choices that no other beats in both size and error, the Pareto
 * frontier, are found a layer at a time. Cai et al., "ZeroQ", CVPR 2020, arXiv 2001.00281, section
 * 3.3. Not here: the errors (./sensitivity.ts); bits by channel (../aciq/allocate-bits.ts).
 */
import { expected } from '../../core/errors.js';

/** A layer, and what each width would cost and spoil. */
export interface LayerErrors {
  /** The name of the layer. */
  readonly name: string;
  /** Weights. */
  readonly size: number;
  /** The error by bits, finite. */
  readonly errors: ReadonlyMap<number, number>;
}

/** A choice for all layers together. */
export interface FrontierPoint {
  /** Bits of all weights together. */
  readonly size: number;
  /** The sum of the layers' errors. */
  readonly error: number;
}

/** Widths of each layer's weights, and what they cost together. */
export interface LayerBits extends FrontierPoint {
  /** Bits of a weight, by layer. */
  readonly bits: ReadonlyMap<string, number>;
  /** Rising sizes, falling errors. */
  readonly frontier: readonly FrontierPoint[];
}

/** A point, and the choices that lead to it. */
interface Chosen extends FrontierPoint {
  readonly bits: number;
  readonly before: Chosen | undefined;
}

/**
 * Most points that are kept. Where there are more, of points nearly as large (within this part of
 * the largest size) the smallest is kept, so that results are optimal but for that.
 */
const MOST_POINTS = 2 ** 14;
const SITE = { op: 'allocateLayerBits' };

/**
 * The least sum of errors whose weights take at most `most` bits together.
 * @throws BitplaneError ERR_ARGUMENT for errors that are not finite, naming the layer, and for a
 * size that the least widths exceed
 */
export function allocateLayerBits(layers: readonly LayerErrors[], most: number): LayerBits {
  if (!Array.isArray(layers) || layers.length === 0)
    throw expected('ERR_ARGUMENT', 'a list of one layer or more', layers, SITE);
  for (const layer of layers) requireErrors(layer);
  if (!(typeof most === 'number' && most > 0))
    throw expected('ERR_ARGUMENT', 'a size above 0', most, SITE);
  let points: readonly Chosen[] = [{ size: 0, error: 0, bits: 0, before: undefined }];
  for (const { size, errors } of layers)
    points = frontierOf(
      points.flatMap((before) =>
        Array.from(errors, ([bits, error]) => ({
          size: before.size + bits * size,
          error: before.error + error,
          bits,
          before,
        })),
      ),
    );
  const best = points.findLast(({ size }) => size <= most);
  if (best === undefined)
    throw expected(
      'ERR_ARGUMENT',
      `a size of at least ${points[0]!.size} bits, which the least widths take,`,
      most,
      SITE,
    );
  const bits = new Map<string, number>();
  let at: Chosen = best;
  for (const { name } of [...layers].reverse()) {
    bits.set(name, at.bits);
    at = at.before as Chosen;
  }
  const { size, error } = best;
  const frontier = points.map((point) => ({ size: point.size, error: point.error }));
  return { bits: new Map([...bits].reverse()), size, error, frontier };
}

/** The points that no other beats, by rising size. */
function frontierOf(points: Chosen[]): readonly Chosen[] {
  const kept: Chosen[] = [];
  for (const point of points.sort((a, b) => a.size - b.size || a.error - b.error))
    if (kept.length === 0 || point.error < kept.at(-1)!.error) kept.push(point);
  if (kept.length <= MOST_POINTS) return kept;
  const step = kept.at(-1)!.size / MOST_POINTS;
  return kept.filter(
    ({ size }, i) => i === 0 || Math.floor(size / step) !== Math.floor(kept[i - 1]!.size / step),
  );
}

function requireErrors(layer: LayerErrors): void {
  const { name, size, errors } = (layer ?? {}) as Partial<LayerErrors>;
  const site = { ...SITE, ...(typeof name === 'string' && { node: name }) };
  if (!(typeof size === 'number' && size > 0 && size < Infinity))
    throw expected('ERR_ARGUMENT', 'layers with a size above 0', size, site);
  if (!(errors instanceof Map) || errors.size === 0)
    throw expected('ERR_ARGUMENT', 'a Map of errors by bits', errors, site);
  for (const [bits, error] of errors)
    if (!(bits > 0) || !Number.isFinite(error))
      throw expected('ERR_ARGUMENT', `a finite error at ${bits} bits`, error, site);
}

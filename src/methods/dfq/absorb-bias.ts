/**
 * High-bias absorption: where a channel is far above 0 before a ReLU, ReLU(x - c) = ReLU(x) - c for
 * nearly all x, so c = max(0, beta - 3 gamma) moves from the bias of one layer into that of the
 * next: b1 -= c, b2 += W2 c. The map's range becomes smaller. Nagel et al., ICCV 2019, arXiv
 * 1906.04721, section 4.1.3. A change of the graph that is exact only for normal maps and, unless
 * `borders` is 'leave', only away from borders of zeros.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import { isOp } from '../../ops/index.js';
import type { Folded } from '../folded.js';
import { changeLayers, cutoffsOf, inputChannels } from '../layers.js';
import { type LeftOut, type Pair, pairsOf } from './pairs.js';

/** Which biases are absorbed. */
export interface AbsorbOptions {
  /** Standard deviations that stay above 0. Default 3. */
  readonly deviations?: number | undefined;
  /**
   * What becomes of pairs whose second layer sees a border of zeros, where the sum of its weights
   * is another. 'absorb': as the paper and the release do. 'leave': they stay. Default 'absorb'.
   */
  readonly borders?: 'absorb' | 'leave' | undefined;
}

const OPTIONS: OptionNames<AbsorbOptions> = { deviations: true, borders: true };
const SITE = { op: 'absorbBias' };

/** A network after high biases were absorbed, and where. */
export interface Absorbed extends Folded {
  /** What moved, by the name of the first layer; channels that keep their bias have 0. */
  readonly absorbed: ReadonlyMap<string, Float64Array>;
  /** Layers where nothing was absorbed, and why. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * Moves what activations are nearly always above into the bias of the next layer, so that they
 * need less range.
 * @throws BitplaneError ERR_ARGUMENT for options
 */
export function absorbBias(folded: Folded, options: AbsorbOptions = {}): Absorbed {
  requireOptions(options, OPTIONS, SITE);
  const { deviations = 3, borders = 'absorb' } = options;
  requireOneOf(borders, ['absorb', 'leave'], 'borders', SITE);
  if (!(deviations >= 0))
    throw expected('ERR_ARGUMENT', 'deviations of 0 or more', deviations, SITE);
  const { pairs, leftOut } = pairsOf(folded.graph);
  const reasons = [...leftOut];
  const biases = new Map<string, Float64Array>();
  const statistics = new Map(folded.statistics);
  const absorbed = new Map<string, Float64Array>();
  const cutoffs = new Map<string, Float64Array>();
  for (const pair of pairs) {
    const { first, second } = pair;
    const own = statistics.get(first.name);
    const reason =
      own === undefined ? 'no batch norm says how it is distributed' : whyNot(pair, borders);
    if (own === undefined || reason !== undefined) {
      reasons.push({ layer: first.name, reason: reason! });
      continue;
    }
    const most = pair.between.flatMap((value) => cutoffsOf(value) ?? [])[0];
    const c = own.mean.map((mean, i) =>
      Math.min(most?.[i] ?? Infinity, Math.max(0, mean - deviations * own.std[i]!)),
    );
    if (!c.some((number) => number > 0)) continue;
    const b1 = biases.get(first.name) ?? Float64Array.from(first.bias);
    const b2 = biases.get(second.name) ?? Float64Array.from(second.bias);
    for (const [i, number] of c.entries()) b1[i]! -= number;
    const reads = inputChannels(second);
    const each = second.weights.size / b2.length;
    for (const [i, w] of second.weights.data.entries())
      b2[Math.floor(i / each)]! += w * c[reads[i]!]!;
    biases.set(first.name, b1);
    biases.set(second.name, b2);
    statistics.set(first.name, { ...own, mean: own.mean.map((mean, i) => mean - c[i]!) });
    absorbed.set(first.name, c);
    for (const value of pair.between) {
      const bounds = cutoffsOf(value);
      if (bounds !== undefined)
        cutoffs.set(
          value.name,
          c.map((number, i) => bounds[i]! - number),
        );
    }
  }
  const changes = new Map([...biases].map(([name, bias]) => [name, { bias }]));
  const graph = changeLayers(folded.graph, changes, cutoffs);
  return { graph, statistics, absorbed, leftOut: reasons };
}

function whyNot({ second, between }: Pair, borders: 'absorb' | 'leave'): string | undefined {
  const [relu, ...others] = between;
  if (relu === undefined || !isOp(relu, 'relu')) return 'no ReLU follows it';
  const odd = others.find((value) => !['maxPool2d', 'reshape', 'min'].includes(value.op));
  if (odd !== undefined && !isOp(odd, 'reduce') && !isOp(odd, 'avgPool2d'))
    return `${odd.op} "${odd.name}" stands before the next layer`;
  const { product } = second;
  const padded = [...others, product].find((value) =>
    (value.attrs.pads as readonly number[] | undefined)?.some((pad) => pad !== 0),
  );
  return borders === 'leave' && padded !== undefined
    ? `${padded.op} "${padded.name}" sees a border`
    : undefined;
}

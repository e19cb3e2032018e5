/**
 * Channels that do not vary: a batch norm that saw no variance gives beta, whatever comes in. Their
 * weights are noise of training divided by sqrt(epsilon), so they may be tiny or the greatest of a
 * layer, and equalizing or a shared scale would follow them. They become 0, with beta as the bias;
 * so do weights that read a channel of zeros. Not in the paper, whose networks have none. Not
 * here: channels that are far above 0 (./absorb-bias.ts).
 */
import { distributionsOf, momentsOf } from '../distributions.js';
import type { Folded } from '../folded.js';
import { changeLayers, inputChannels, type LayerChange, layersOf } from '../layers.js';

/** A folded network whose channels without variance are constants. */
export interface Stilled extends Folded {
  /** How many output channels do not vary, by the layer's name; other layers are absent. */
  readonly still: ReadonlyMap<string, number>;
}

/** Of the greatest deviation of a layer's channels; far below a step of 8 bits, 1 / 255. */
const LEAST = 1e-4;

/**
 * The same network, but for what its still channels varied by. Arguments are not checked.
 * @param folded a network without batch norms, and what these knew of its channels
 */
export function settleStillChannels(folded: Folded): Stilled {
  const statistics = new Map(folded.statistics);
  const changes = new Map<string, LayerChange>();
  const still = new Map<string, number>();
  const layers = layersOf(folded.graph);
  for (const layer of layers) {
    const own = statistics.get(layer.name);
    if (own === undefined) continue;
    const most = own.std.reduce((a, b) => Math.max(a, b), 0);
    const isStill = Array.from(own.std, (std) => std <= LEAST * most);
    const count = isStill.filter(Boolean).length;
    if (count === 0) continue;
    const each = layer.weights.size / layer.bias.length;
    still.set(layer.name, count);
    statistics.set(layer.name, { ...own, std: own.std.map((s, o) => (isStill[o] ? 0 : s)) });
    changes.set(layer.name, {
      weights: layer.weights.data.map((w, i) => (isStill[Math.floor(i / each)] ? 0 : w)),
      bias: layer.bias.map((b, o) => (isStill[o] ? own.mean[o]! : b)),
    });
  }
  const settled = { graph: changeLayers(folded.graph, changes), statistics };
  return { ...settled, graph: withoutReadingZeros(settled), still };
}

/** Weights that only ever multiply 0 are 0. */
export function withoutReadingZeros(folded: Folded): Folded['graph'] {
  const known = distributionsOf(folded);
  const changes = new Map<string, LayerChange>();
  for (const layer of layersOf(folded.graph)) {
    const read = known.get(layer.product.inputs[0]!);
    if (read === undefined) continue;
    const { mean, variance } = momentsOf(read);
    const isZero = Array.from(mean, (m, c) => m === 0 && variance[c] === 0);
    if (!isZero.includes(true)) continue;
    const reads = inputChannels(layer);
    changes.set(layer.name, {
      weights: layer.weights.data.map((w, i) => (isZero[reads[i]!] ? 0 : w)),
    });
  }
  return changeLayers(folded.graph, changes);
}

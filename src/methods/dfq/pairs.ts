/**
 * Which layers of a network are a pair for DFQ: the second reads the first through ops that scale
 * with their argument, f(s x) = s f(x) for s > 0, channel by channel, and nothing else reads what
 * lies between. Not here: what is done with them.
 */
import type { Graph, Value } from '../../graph/value.js';
import { isOp } from '../../ops/index.js';
import { onlyReaders } from '../../passes/absorb-affines.js';
import { cutoffsOf, type Layer, layersOf } from '../layers.js';

export interface Pair {
  readonly first: Layer;
  readonly second: Layer;
  /** The ops between them, in order. */
  readonly between: readonly Value[];
}

/** A layer that begins no pair, and why. */
export interface LeftOut {
  /** Its name. */
  readonly layer: string;
  /** Why, in words. */
  readonly reason: string;
}

export function pairsOf(graph: Graph): {
  readonly pairs: readonly Pair[];
  readonly leftOut: readonly LeftOut[];
} {
  const layers = layersOf(graph);
  const byProduct = new Map(layers.map((layer) => [layer.product, layer]));
  const readers = onlyReaders(graph);
  const pairs: Pair[] = [];
  const leftOut: LeftOut[] = [];
  for (const first of layers) {
    const between: Value[] = [];
    let at = first.end;
    for (;;) {
      const next = readers.get(at);
      const second = next && byProduct.get(next);
      if (second !== undefined) {
        pairs.push({ first, second, between });
        break;
      }
      const reason = next === undefined ? severalReaders(at) : whyNot(next, first.bias.length);
      if (reason !== undefined) {
        leftOut.push({ layer: first.name, reason });
        break;
      }
      between.push(next as Value);
      at = next as Value;
    }
  }
  return { pairs, leftOut };
}

function severalReaders({ name }: Value): string {
  return `${name} is an output, or several values read it: they share its scale`;
}

/** Undefined for ops that scale with their argument, channel by channel. */
function whyNot(value: Value, channels: number): string | undefined {
  const keepsChannels = value.shape.at(-1) === channels;
  if (isOp(value, 'relu') || isOp(value, 'leakyRelu')) return undefined;
  // Its bounds are scaled with it.
  if (cutoffsOf(value) !== undefined) return undefined;
  if (isOp(value, 'maxPool2d') || isOp(value, 'avgPool2d')) return undefined;
  if (isOp(value, 'pad') && value.attrs.value === 0 && keepsChannels) return undefined;
  if (isOp(value, 'reshape') && keepsChannels) return undefined;
  if (isOp(value, 'reduce') && keepsChannels) {
    const rank = value.inputs[0].shape.length;
    if (!value.attrs.axes.includes(rank - 1)) return undefined;
  }
  if (isOp(value, 'add')) return `the sum ${value.name} reads it, whose operands share one scale`;
  if (isOp(value, 'concat')) return `${value.name} reads it, whose parts share one scale`;
  return `${value.op} "${value.name}" does not scale with its argument`;
}

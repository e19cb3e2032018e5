/**
 * Thresholds: sign(f(cast(y))) for an integer accumulation y and a chain f of per-channel float32
 * operations is one integer comparison a channel, bit = (y < t[c]) xor flip[c].
 *
 * f is monotone, so the bit changes at most once over the numbers that y can reach. t is found by
 * bisection, evaluating the ops' own float32 formulas: a closed form (mean - beta * sigma / gamma)
 * rounds differently from the graph and would move some bits. A negative gamma makes f fall (flip),
 * a gamma of zero makes the bit constant: t = INT32_MIN is never above y, so the bit is flip.
 *
 * max pooling commutes with non-decreasing functions, hence sign(f(maxPool(g(y)))) =
 * maxPool(sign(f(g(y)))) if sign(f) does not fall. Not here: chains over float sums, which are
 * signs of what the convolution's epilogue computes.
 */
import { sameShape } from '../core/shape.js';
import { atOnce, type Pausing } from '../core/turns.js';
import type { Graph, Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import { memberCount, type ValueRange } from '../ops/value-range.js';
import { Tensor } from '../tensor/tensor.js';
import {
  bisect,
  type Chain,
  type ChannelStep,
  chainOf,
  channelsOf,
  Evaluations,
  isMonotone,
  run,
} from './chain.js';
import { Folding } from './folding.js';
import { rewriting, type Site } from './rewrite.js';
import { valueRange } from './value-range.js';

const INT32_MIN = -(2 ** 31);
/** Evaluations that one layer may spend on chains that are not known to be monotone. */
const BUDGET = 1 << 22;
/** Evaluations that bisection takes at most. */
const BISECTION = 32;

export function foldThresholds(graph: Graph): Graph {
  return atOnce(foldingThresholds(graph));
}

/** `foldThresholds` that pauses between values. */
export function foldingThresholds(
  graph: Graph,
  folding = new Folding(graph),
  evaluations = new Evaluations(graph),
): Pausing<Graph> {
  return rewriting(graph, (value, site) => toThreshold(value, site, evaluations), folding);
}

function toThreshold(value: Value, site: Site, evaluations: Evaluations): Value | undefined {
  if (!isOp(value, 'sign')) return undefined;
  // The graph before is the one whose uses are counted; the rebuilt accumulation is looked up at
  // the end.
  const { original } = site;
  const outer = chainOf(original.inputs[0] as Value, isAccumulation);
  if (isAccumulation(outer.source))
    return thresholdOf(original, original.name, outer.source, outer.steps, site, evaluations);
  if (
    !isOp(outer.source, 'maxPool2d') ||
    site.uses(outer.source) !== 1 ||
    outer.steps.some(({ node }) => node.op === 'reshape')
  )
    return undefined;
  const inner = chainOf(outer.source.inputs[0] as Value, isAccumulation);
  if (!isAccumulation(inner.source) || !risesThroughPool(inner, outer, original, evaluations))
    return undefined;
  const bits = thresholdOf(
    original,
    `${original.name}.bits`,
    inner.source,
    [...inner.steps, ...outer.steps],
    site,
    evaluations,
  );
  return bits && make('maxPool2d', original.name, [bits], outer.source.attrs);
}

/** cast(y) of an exact integer result. */
function isAccumulation(value: Value): boolean {
  return value.op === 'cast' && value.inputs[0]!.dtype === 'i32' && valueRange(value) !== undefined;
}

/**
 * threshold(y) in the shape that the chain ends with; undefined where the chain has other readers
 * or is no threshold.
 */
function thresholdOf(
  sign: Value,
  name: string,
  cast: Value,
  steps: readonly ChannelStep[],
  site: Site,
  evaluations: Evaluations,
): Value | undefined {
  // A float that is read elsewhere is computed anyway, and its sign is then one step more in the
  // same pass.
  if (site.uses(cast) !== 1 || steps.some(({ node }) => site.uses(node) !== 1)) return undefined;
  const y = cast.inputs[0] as Value;
  const numbers = valueRange(cast) as ValueRange;
  const channels = y.shape.at(-1) as number;
  if (
    sign.shape.at(-1) !== channels ||
    !evaluations.take(channels * (steps.length + 1) * BISECTION)
  )
    return undefined;
  const t = new Int32Array(channels);
  const flip = new Int32Array(channels);
  let budget = BUDGET;
  for (let channel = 0; channel < channels; channel++) {
    const monotone = isMonotone(steps, numbers.lo, numbers.hi, channel);
    if (!monotone) {
      const count = memberCount(numbers);
      budget -= count;
      if (!evaluations.take(count * steps.length)) return undefined;
    }
    const found =
      budget < 0
        ? undefined
        : comparison((number) => run(steps, number, channel), numbers, monotone);
    if (found === undefined) return undefined;
    t[channel] = found.t;
    flip[channel] = found.flip;
  }
  const operands = [
    site.rebuilt(y),
    constant(`${sign.name}.t`, new Tensor('i32', t, [channels])),
    constant(`${sign.name}.flip`, new Tensor('i32', flip, [channels])),
  ];
  const shape = steps.findLast(({ node }) => node.op === 'reshape')?.node.shape ?? y.shape;
  const reshaped = !sameShape(shape, y.shape);
  const bits = make('threshold', reshaped ? `${name}.bits` : name, operands);
  return reshaped ? make('reshape', name, [bits], { shape }) : bits;
}

/**
 * The comparison (y < t) xor flip that equals `f(y) < 0` on every member; undefined where that
 * changes more than once.
 */
export function comparison(
  f: (number: number) => number,
  { lo, step, hi }: ValueRange,
  monotone: boolean,
): { t: number; flip: 0 | 1 } | undefined {
  const count = memberCount({ origin: lo, lo, hi, step });
  const atFirst = f(lo);
  const first = atFirst < 0;
  const differs = (index: number) => f(lo + index * step) < 0 !== first;
  let change: number;
  if (monotone) {
    // Nearly every chain is a line between its ends, so its zero is known within one member.
    const atLast = f(lo + (count - 1) * step);
    const zero = ((count - 1) * atFirst) / (atFirst - atLast);
    change = bisect(count, differs, Math.ceil(zero));
  } else {
    change = 0;
    while (change < count && !differs(change)) change++;
    for (let index = change; index < count; index++) if (!differs(index)) return undefined;
  }
  if (change === count) return { t: INT32_MIN, flip: first ? 1 : 0 };
  return { t: lo + change * step, flip: first ? 0 : 1 };
}

/**
 * sign(f) does not fall, in any channel, between the least and the greatest number that the pool
 * can give.
 */
function risesThroughPool(
  inner: Chain,
  outer: Chain,
  sign: Value,
  evaluations: Evaluations,
): boolean {
  const { lo, hi } = valueRange(inner.source) as ValueRange;
  const steps = [...inner.steps, ...outer.steps];
  const channels = channelsOf(steps, sign.shape.at(-1) as number);
  if (!evaluations.take(4 * channels * steps.length)) return false;
  for (let channel = 0; channel < channels; channel++) {
    if (!isMonotone(inner.steps, lo, hi, channel)) return false;
    const ends = [run(inner.steps, lo, channel), run(inner.steps, hi, channel)] as const;
    const [low, high] = [Math.min(ends[0], ends[1]), Math.max(ends[0], ends[1])];
    if (!isMonotone(outer.steps, low, high, channel)) return false;
    if (run(outer.steps, low, channel) >= 0 && run(outer.steps, high, channel) < 0) return false;
  }
  return true;
}

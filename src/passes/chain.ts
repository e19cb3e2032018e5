/**
 * A chain: element-wise ops with constant per-channel operands, one after another, seen as one
 * float32 function a channel. It is evaluated by the ops' own formulas, operation by operation, so
 * that what is concluded from it holds to the bit. Not here: what is concluded (./thresholds.ts,
 * ./nonzero.ts); ops whose kernels may differ in the last place.
 */
import { sameShape } from '../core/shape.js';
import type { Graph, Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import { perChannel, storedElements } from './constants.js';

/**
 * Longer chains are not looked through: each of many values of one chain may be asked about, and no
 * network has so many between two layers.
 */
const MOST_STEPS = 64;

/**
 * Evaluations that the proofs and thresholds of one graph may spend: a fraction of a second, and
 * more where weights say that the channels are real.
 */
const EVALUATIONS = { least: 1 << 24, share: 8 };

export class Evaluations {
  private left: number;

  constructor(graph?: Graph) {
    this.left =
      EVALUATIONS.least + (graph === undefined ? 0 : EVALUATIONS.share * storedElements(graph));
  }

  /** False once all are spent. */
  take(count: number): boolean {
    this.left -= count;
    return this.left >= 0;
  }
}

export interface ChannelStep {
  readonly node: Value;
  /** The operand that flows through. */
  readonly flowing: Value;
  /** Non-decreasing or non-increasing in every channel. */
  readonly monotone: boolean;
  /** The same in every channel. */
  readonly uniform: boolean;
  apply(x: number, channel: number): number;
}

/**
 * One element-wise node as a step of a chain; undefined where it is none. A reshape that keeps the
 * channels does nothing to a number.
 */
export function channelStep(node: Value): ChannelStep | undefined {
  if (node.op === 'reshape') {
    const flowing = node.inputs[0] as Value;
    const keepsChannels = flowing.dtype === 'f32' && flowing.shape.at(-1) === node.shape.at(-1);
    return keepsChannels
      ? { node, flowing, monotone: true, uniform: true, apply: (x) => x }
      : undefined;
  }
  const def = node.inputs.length === 0 ? undefined : opDef(node.op);
  if (def?.scalar === undefined || def.approximate) return undefined;
  const formula = def.scalar(node.attrs);
  const [a, b] = node.inputs as [Value, Value | undefined];
  if (b === undefined) {
    const monotone = def.monotone?.(node.attrs, 0) === true;
    return { node, flowing: a, monotone, uniform: true, apply: (x) => formula(x) };
  }
  const right = perChannel(b, node.shape);
  if (right !== undefined && sameShape(a.shape, node.shape)) {
    const at = pick(right);
    return {
      node,
      flowing: a,
      monotone: def.monotone?.(node.attrs, 0, right) === true,
      uniform: right.length === 1,
      apply: (x, channel) => formula(x, at(channel)),
    };
  }
  const left = perChannel(a, node.shape);
  if (left !== undefined && sameShape(b.shape, node.shape)) {
    const at = pick(left);
    return {
      node,
      flowing: b,
      monotone: def.monotone?.(node.attrs, 1, left) === true,
      uniform: left.length === 1,
      apply: (x, channel) => formula(at(channel), x),
    };
  }
  return undefined;
}

function pick(values: Float32Array): (channel: number) => number {
  const only = values[0] as number;
  return values.length === 1 ? () => only : (channel) => values[channel] as number;
}

/** Steps in the order they are applied, and the value they start from. */
export interface Chain {
  readonly source: Value;
  readonly steps: readonly ChannelStep[];
}

/**
 * The longest chain that ends in `value`, up to and without the first value that `stop` accepts.
 */
export function chainOf(value: Value, stop: (value: Value) => boolean = () => false): Chain {
  const steps: ChannelStep[] = [];
  let source = value;
  while (!stop(source)) {
    const step = steps.length < MOST_STEPS ? channelStep(source) : undefined;
    if (step === undefined) break;
    steps.push(step);
    source = step.flowing;
  }
  return { source, steps: steps.reverse() };
}

/** How many channels differ: all, or one for all where every step is the same in each. */
export function channelsOf(steps: readonly ChannelStep[], channels: number): number {
  return steps.every(({ uniform }) => uniform) ? Math.min(1, channels) : channels;
}

/** The chain as a function of one number in one channel. */
export function run(steps: readonly ChannelStep[], x: number, channel: number): number {
  let value = x;
  for (const step of steps) value = step.apply(value, channel);
  return value;
}

/**
 * Monotone (in either direction) between lo and hi: every step is, and none leaves the finite
 * numbers, where NaN begins. A step that is finite at both ends is finite between them.
 */
export function isMonotone(
  steps: readonly ChannelStep[],
  lo: number,
  hi: number,
  channel: number,
): boolean {
  let [a, b] = [lo, hi];
  for (const step of steps) {
    if (!step.monotone) return false;
    a = step.apply(a, channel);
    b = step.apply(b, channel);
    if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  }
  return true;
}

/**
 * The first of 0 ... count - 1 for which a predicate holds that holds for all after it; `count`
 * where it never does.
 * @param guess where it may be: a right one takes two questions, a wrong one costs two
 */
export function bisect(
  count: number,
  holds: (index: number) => boolean,
  guess = Number.NaN,
): number {
  let [low, high] = [0, count];
  if (guess >= 0 && guess < count) {
    if (!holds(guess)) low = guess + 1;
    else if (guess === 0 || !holds(guess - 1)) return guess;
    else high = guess - 1;
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

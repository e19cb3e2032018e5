/**
 * The prover: can this f32 value be exactly zero? ONNX Sign gives 0 for 0, so it is a binarization
 * only where the answer is no. The proof follows the value up through per-channel float32
 * arithmetic to numbers on a known grid, and evaluates that arithmetic there, by bisection where it
 * is monotone and for every number where it is not. "Not proved" is no claim that zero occurs. NaN
 * is left out.
 */
import type { Value } from '../graph/value.js';
import { contains, memberCount, type ValueRange } from '../ops/value-range.js';
import {
  bisect,
  type ChannelStep,
  chainOf,
  channelsOf,
  Evaluations,
  isMonotone,
  run,
} from './chain.js';
import { valueRange } from './value-range.js';

/** Evaluations that one proof may spend where a chain is not monotone. */
const BUDGET = 1 << 22;
/** Evaluations that bisection takes at most. */
const BISECTION = 32;

/**
 * True where the value provably never is 0 or -0. `evaluations` are those of all proofs about a
 * graph.
 */
export function isNeverZero(value: Value, evaluations = new Evaluations()): boolean {
  const { source, steps } = chainOf(value, (candidate) => valueRange(candidate) !== undefined);
  const numbers = valueRange(source);
  if (numbers === undefined) return false;
  if (steps.length === 0) return !contains(numbers, 0);
  const count = memberCount(numbers);
  const channels = value.shape.at(-1);
  if (!Number.isSafeInteger(count) || typeof channels !== 'number') return false;
  let budget = BUDGET;
  const differing = channelsOf(steps, channels);
  if (!evaluations.take(differing * steps.length * BISECTION)) return false;
  for (let channel = 0; channel < differing; channel++) {
    if (isMonotone(steps, numbers.lo, numbers.hi, channel)) {
      if (crossesAtZero(steps, numbers, count, channel)) return false;
      continue;
    }
    budget -= count;
    if (
      budget < 0 ||
      !evaluations.take(count * steps.length) ||
      meetsZero(steps, numbers, count, channel)
    )
      return false;
  }
  return true;
}

/** A monotone function meets zero where it first reaches the far side of it, or not at all. */
function crossesAtZero(
  steps: readonly ChannelStep[],
  { lo, hi, step }: ValueRange,
  count: number,
  channel: number,
): boolean {
  const at = (index: number) => run(steps, lo + index * step, channel);
  const rising = run(steps, lo, channel) <= run(steps, hi, channel);
  const first = bisect(count, (index) => (rising ? at(index) >= 0 : at(index) <= 0));
  return first < count && at(first) === 0;
}

function meetsZero(
  steps: readonly ChannelStep[],
  { lo, step }: ValueRange,
  count: number,
  channel: number,
): boolean {
  for (let index = 0; index < count; index++) {
    const result = run(steps, lo + index * step, channel);
    if (result === 0 || Number.isNaN(result)) return true;
  }
  return false;
}

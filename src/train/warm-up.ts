/** A warm-up before a schedule. */
import { type OptionNames, requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { described, type Progress, type Schedule } from './schedule.js';
import { requireFactor, requirePositive } from './schedules.js';

/** How long a rate rises before its schedule begins. */
export interface WarmUpOptions {
  /** How long the warm-up takes, in one of these: steps, epochs, or a share of all steps. */
  readonly steps?: number | undefined;
  /** How long it rises. */
  readonly epochs?: number | undefined;
  /** The same as a share of the training. */
  readonly share?: number | undefined;
  /** The factor of the first step. Default 0. */
  readonly from?: number | undefined;
  /**
   * 'rest' (default): the schedule behind it begins when the warm-up ends, torch's SequentialLR of
   * LinearLR and the schedule. 'whole': it runs from the first step, and the warm-up multiplies it.
   */
  readonly over?: 'rest' | 'whole' | undefined;
}

/**
 * A straight line from `from` to 1 over the first n steps, then `schedule`. What that counts in
 * epochs, its milestones, counts from the beginning of training in both cases.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function warmUp(schedule: Schedule, options: WarmUpOptions): Schedule {
  const site = { op: 'warmUp' };
  requireOptions(options, WARM_UP, site);
  const { from = 0, over = 'rest' } = options;
  requireFactor(from, 'from', site);
  requireOneOf(over, ['rest', 'whole'], 'over', site);
  const lengths = Object.entries(options).filter(
    ([name, value]) => ['steps', 'epochs', 'share'].includes(name) && value !== undefined,
  );
  const [length] = lengths;
  if (lengths.length !== 1 || length === undefined) {
    const names = lengths.map(([name]) => name).join(' and ') || 'none';
    throw expected('ERR_ARGUMENT', 'one of steps, epochs and share', names, site);
  }
  requirePositive(length[1], length[0], site);
  if (length[0] === 'share' && Number(length[1]) >= 1)
    throw expected('ERR_ARGUMENT', 'share below 1', length[1], site);

  const factor = (at: Progress): number => {
    const n = warmUpSteps(options, at);
    const ramp = at.step >= n ? 1 : from + ((1 - from) * at.step) / n;
    if (over === 'whole') return ramp * schedule(at);
    if (at.step < n) return ramp;
    return schedule({ ...at, step: at.step - n, steps: at.steps - n });
  };
  const { description } = schedule;
  if (description === undefined) return factor;
  return described(factor, { kind: 'warmUp', ...options, from, over, schedule: description });
}

const WARM_UP: OptionNames<WarmUpOptions> = {
  steps: true,
  epochs: true,
  share: true,
  from: true,
  over: true,
};

function warmUpSteps({ steps, epochs, share = 0 }: WarmUpOptions, at: Progress): number {
  if (steps !== undefined) return Math.round(steps);
  return Math.round((epochs === undefined ? share : epochs / at.epochs) * at.steps);
}

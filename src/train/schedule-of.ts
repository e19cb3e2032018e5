/** The schedule of a description, which a checkpoint holds. */
import { unknownName } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Schedule, ScheduleDescription } from './schedule.js';
import { constant, cosine, linear, multiStep, step } from './schedules.js';
import { warmUp } from './warm-up.js';

type Make = (options: never) => Schedule;

const PLAIN: Readonly<Record<string, Make>> = { constant, step, multiStep, linear, cosine };

/**
 * The schedule that a description says, as a checkpoint or a recipe holds it.
 * @throws BitplaneError ERR_ARGUMENT where it describes no schedule, naming what is wrong
 */
export function scheduleOf(description: ScheduleDescription): Schedule {
  const site = { op: 'scheduleOf' };
  if (description === null || typeof description !== 'object')
    throw expected('ERR_ARGUMENT', 'the description of a schedule', description, site);
  const { kind, ...options } = description;
  if (kind === 'warmUp') {
    const { schedule, ...others } = options;
    return warmUp(scheduleOf(schedule as ScheduleDescription), others as never);
  }
  if (typeof kind !== 'string' || !Object.hasOwn(PLAIN, kind))
    throw unknownName('a schedule,', String(kind), [...Object.keys(PLAIN), 'warmUp'], site);
  return (PLAIN[kind] as Make)(options as never);
}

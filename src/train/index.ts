/** Training, as a user imports it. */
export type { EpochRecord } from './history.js';
export { type HistoryLog, openHistoryLog, readHistory } from './history-log.js';
export type { Progress, Schedule, ScheduleDescription } from './schedule.js';
export { scheduleOf } from './schedule-of.js';
export {
  type ConstantOptions,
  constant,
  cosine,
  type DecayOptions,
  linear,
  type MultiStepOptions,
  multiStep,
  type StepOptions,
  step,
} from './schedules.js';
export { type WarmUpOptions, warmUp } from './warm-up.js';

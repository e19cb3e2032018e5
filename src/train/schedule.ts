/**
 * What a schedule of a rate is: a pure function from how far training is to a factor. The rate of a
 * step is the base rate times the factor, so that groups of parameters with different base rates
 * share a schedule. Not here: any schedule (./schedules.ts, ./warm-up.ts).
 */

export interface Progress {
  /** Steps done since training began, from 0; a fraction is allowed. */
  readonly step: number;
  /** Steps of the whole training. */
  readonly steps: number;
  /** Epochs done since training began, from 0. */
  readonly epoch: number;
  /** Epochs of the whole training. */
  readonly epochs: number;
}

/** The factor of the rate at each step of a training. */
export interface Schedule {
  /** The factor of the base rate. */
  (progress: Progress): number;
  /**
   * The schedule as plain JSON, for checkpoints and logs; `scheduleOf` makes the schedule of it
   * again. Absent of a function that a user wrote.
   */
  readonly description?: ScheduleDescription | undefined;
}

/** The name of a schedule and its options; of a warm-up also the schedule behind it. */
export interface ScheduleDescription {
  /** Which schedule. */
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** A schedule that says how to make it again. */
export function described(
  factor: (progress: Progress) => number,
  description: ScheduleDescription,
): Schedule {
  return Object.assign(factor, { description });
}

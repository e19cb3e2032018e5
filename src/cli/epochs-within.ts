/**
 * Epochs of a training that has to end in time: as many as planned, or as fit. The rate falls
 * linearly to 0 at the last epoch of the plan, so a machine that is quick enough trains the same
 * network whatever its speed. Not here: training (src/train/fit.ts).
 */
import type { EpochRecord } from '../train/history.js';
import type { Schedule } from '../train/schedule.js';

export interface EpochsWithin {
  readonly schedule: Schedule;
  /** Plans anew by the time that the epoch took; 'stop' after the last one. */
  onEpoch(record: Pick<EpochRecord, 'epoch'>): 'stop' | undefined;
}

/** `epochs` at most, within `seconds` from now; `now` is a clock in milliseconds, for tests. */
export function epochsWithin(
  epochs: number,
  seconds: number,
  now: () => number = () => performance.now(),
): EpochsWithin {
  const end = now() + seconds * 1000;
  let before = now();
  let planned = epochs;
  return {
    schedule: ({ epoch }) => Math.max(0, 1 - epoch / planned),
    onEpoch({ epoch }) {
      // The first epoch also compiles the step, so the last one says what the next will take.
      const more = Math.floor((end - now()) / (now() - before));
      before = now();
      planned = Math.min(epochs, epoch + Math.max(0, more));
      return epoch === planned && epoch < epochs ? 'stop' : undefined;
    },
  };
}

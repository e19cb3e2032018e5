/**
 * Epochs of a training that has to end in time: as many as planned, or as fit. The rate falls
 * linearly to 0 at the last epoch of the plan, so a machine that is quick enough trains the same
 * network whatever its speed. Not here: training (src/train/fit.ts).
 */
import type { EpochRecord } from '../train/history.js';
import type { Schedule } from '../train/schedule.js';

export interface EpochsWithin {
  readonly schedule: Schedule;
  /** Plans anew by the time that the epochs took; 'stop' after the last one. */
  onEpoch(record: Pick<EpochRecord, 'epoch'>): 'stop' | undefined;
  /** The epochs of the plan as it is now, at least one. */
  planned(): number;
}

/** `epochs` at most, within `seconds` from now; `now` is a clock in milliseconds, for tests. */
export function epochsWithin(
  epochs: number,
  seconds: number,
  now: () => number = () => performance.now(),
): EpochsWithin {
  const began = now();
  let planned = epochs;
  return {
    schedule: ({ epoch }) => Math.max(0, 1 - epoch / planned),
    onEpoch({ epoch }) {
      const each = (now() - began) / 1000 / epoch;
      planned = Math.max(epoch, Math.min(epochs, Math.floor(seconds / each)));
      return epoch === planned && epoch < epochs ? 'stop' : undefined;
    },
    planned: () => planned,
  };
}

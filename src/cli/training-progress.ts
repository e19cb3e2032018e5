/**
 * What a training says on standard error. On a terminal: a line of the epoch in progress, redrawn,
 * and above it a line for each epoch that is done. Elsewhere: the lines of the epochs only.
 * Not here: a bar for any other work (./progress.ts).
 */
import type { StepReport } from '../train/fit-options.js';
import type { EpochRecord } from '../train/history.js';
import { duration, three } from './format.js';
import type { Io } from './io.js';
import { barOf, REDRAW_MS } from './progress.js';

export interface TrainingProgress {
  /** A step is done; `report` counts the epochs of its phase. */
  onStep(report: StepReport & { readonly phase?: string | undefined }): void;
  /** An epoch is done; `record` counts the epochs of all phases. */
  onEpoch(record: EpochRecord): void;
  /** Removes the line from a terminal, for instance before an error is printed. */
  finish(): void;
}

export interface TrainingProgressOptions {
  /** Of all phases together. */
  readonly epochs: number;
  /** Epochs that were done before, of a training that goes on. Default 0. */
  readonly done?: number | undefined;
  /** True: nothing is written. */
  readonly silent?: boolean | undefined;
  /** A clock in milliseconds, for tests. */
  readonly now?: (() => number) | undefined;
}

const WIDTH = 16;
const COLUMNS = 80;

export function startTrainingProgress(
  io: Io,
  { epochs, done = 0, silent = false, now = () => performance.now() }: TrainingProgressOptions,
): TrainingProgress {
  const tty = io.stderr.isTTY === true;
  const began = now();
  let drawn = Number.NEGATIVE_INFINITY;
  let visible = false;
  /** Epochs of all phases that are done. */
  let finished = done;

  /** Of the whole training; the time until now includes evaluations. */
  const timeLeft = (reached: number): string => {
    const own = reached - done;
    if (own <= 0 || reached >= epochs) return '';
    return `, ${duration(((now() - began) / 1000 / own) * (epochs - reached))} left`;
  };
  const clear = () => {
    if (visible) io.stderr.write('\r\u001b[K');
    visible = false;
  };

  return {
    onStep({ step, steps, loss, accuracy, imagesPerSecond, phase }) {
      if (silent || !tty || now() - drawn < REDRAW_MS) return;
      drawn = now();
      const line =
        `epoch ${finished + 1}/${epochs}${named(phase)} ${barOf(step / steps, WIDTH)} ` +
        `${step}/${steps}, loss ${three(loss)}, ${accuracy.toFixed(1)} %, ` +
        `${three(imagesPerSecond)} images/s${timeLeft(finished + step / steps)}`;
      // A line that is wider than the terminal would be broken, and not be redrawn.
      const width = (io.stderr.columns || COLUMNS) - 1;
      io.stderr.write(`\r${line.slice(0, width)}\u001b[K`);
      visible = true;
    },
    onEpoch(record) {
      finished = record.epoch;
      if (silent) return;
      clear();
      io.stderr.write(`${epochLine(record, epochs)}${timeLeft(finished)}\n`);
    },
    finish: clear,
  };
}

function epochLine(record: EpochRecord, epochs: number): string {
  const { epoch, phase, loss, trainAccuracy, testAccuracy, seconds, imagesPerSecond } = record;
  const tested = testAccuracy === null ? '' : `, test ${testAccuracy.toFixed(2)} %`;
  return (
    `epoch ${epoch}/${epochs}${named(phase)}: loss ${loss.toFixed(4)}, ` +
    `train ${trainAccuracy.toFixed(2)} %${tested}, ${seconds.toFixed(1)} s, ` +
    `${three(imagesPerSecond)} images/s`
  );
}

/** A training of one phase does not name it. */
function named(phase: string | undefined): string {
  return phase === undefined || phase === 'train' ? '' : ` ${phase}`;
}

/** A training of three epochs, as its page is made from it. Not a test. */
import type { TrainingPage } from '../../../src/cli/report/training-page.js';
import { pictureSet } from '../../../src/data/index.js';
import type { EpochRecord } from '../../../src/train/history.js';

export const EVIL = '<script>alert("1")</script>&\'';

function record(epoch: number, phase: string, testAccuracy: number | null): EpochRecord {
  return {
    epoch,
    phase,
    rate: 0.1 / epoch,
    loss: 2 / epoch,
    trainAccuracy: 50 + epoch,
    testLoss: null,
    testAccuracy,
    seconds: 40,
    imagesPerSecond: 1234.5,
  };
}

/** Picture i has i as its bytes. Classes 0 and 1 are confused, 2 is not. */
export const labels = [0, 0, 0, 1, 1, 1, 2, 2];
export const predictions = Int32Array.of(0, 1, 1, 1, 0, 1, 2, 2);
export const data: TrainingPage = {
  title: EVIL,
  about: [['recipe', EVIL]],
  history: [record(1, 'float', 60), record(2, 'float', 72.5), record(3, EVIL, 71)],
  test: pictureSet({
    name: 'numbers',
    classes: ['ant', EVIL, 'cow'],
    pictureShape: [2, 4, 1],
    normalization: { mean: [0], std: [1] },
    pixels: Uint8Array.from({ length: 64 }, (_, i) => Math.floor(i / 8)),
    labels: Int32Array.from(labels),
  }),
  evaluation: {
    predictions,
    confusion: [Int32Array.of(1, 2, 0), Int32Array.of(1, 2, 0), Int32Array.of(0, 0, 2)],
  },
};

/** CIFAR-10: ten classes, 50,000 pictures to train on and 10,000 to test on. */
import { type CifarFiles, openCifar } from './cifar.js';
import type { Dataset, Split } from './dataset.js';

const CIFAR10: CifarFiles = {
  name: 'cifar10',
  folder: 'cifar-10-batches-bin',
  files: {
    test: ['test_batch.bin'],
    train: [
      'data_batch_1.bin',
      'data_batch_2.bin',
      'data_batch_3.bin',
      'data_batch_4.bin',
      'data_batch_5.bin',
    ],
  },
  names: 'batches.meta.txt',
  classes: 10,
  labelBytes: 1,
};

/** Opens a split of CIFAR-10, as `openCifar` does. */
export function openCifar10(dir: string, split: Split = 'test'): Promise<Dataset> {
  return openCifar(CIFAR10, dir, split);
}

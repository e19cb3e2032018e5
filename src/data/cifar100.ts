/**
 * CIFAR-100 by its fine labels: a hundred classes, 50,000 pictures to train on and 10,000 to test
 * on. A record has the coarse label, one of twenty, before the fine one.
 */
import { type CifarFiles, openCifar } from './cifar.js';
import type { Dataset, Split } from './dataset.js';

const CIFAR100: CifarFiles = {
  name: 'cifar100',
  folder: 'cifar-100-binary',
  files: { test: ['test.bin'], train: ['train.bin'] },
  names: 'fine_label_names.txt',
  classes: 100,
  labelBytes: 2,
};

/** Opens a split of CIFAR-100, as `openCifar` does. */
export function openCifar100(dir: string, split: Split = 'test'): Promise<Dataset> {
  return openCifar(CIFAR100, dir, split);
}

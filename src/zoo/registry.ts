/**
 * Every network of the zoo by the name that the command line knows: `zoo:bi-real-18`. Not here: the networks.
 */
import { expected } from '../core/errors.js';
import { biReal18, biReal20, biReal34, biRealCifar18 } from './bi-real-net.js';
import { exampleState } from './example-state.js';
import type { Network, NetworkOptions } from './network.js';

export interface ZooEntry {
  /** One line for people. */
  readonly about: string;
  readonly paper: string;
  readonly build: (options?: NetworkOptions) => Network;
}

const BI_REAL = 'Liu et al., Bi-Real Net, ECCV 2018, arXiv 1808.00278';

export const ZOO: Readonly<Record<string, ZooEntry>> = {
  'bi-real-18': { about: 'Bi-Real Net of 18 layers, ImageNet', paper: BI_REAL, build: biReal18 },
  'bi-real-34': { about: 'Bi-Real Net of 34 layers, ImageNet', paper: BI_REAL, build: biReal34 },
  'bi-real-18-cifar': { about: 'Bi-Real blocks on ResNet-18, CIFAR', paper: BI_REAL, build: biRealCifar18 },
  'bi-real-20': { about: 'Bi-Real blocks on ResNet-20, CIFAR', paper: BI_REAL, build: biReal20 },
};

/** @throws BitplaneError ERR_ARGUMENT for a name that the zoo does not have */
export function zooEntry(name: string): ZooEntry {
  if (!Object.hasOwn(ZOO, name))
    throw expected('ERR_ARGUMENT', `a network of the zoo (${Object.keys(ZOO).join(', ')})`, name, { op: 'zoo' });
  return ZOO[name]!;
}

/** The graph of a network in its default size, with seeded example weights: for timing and inspection, not for answers. */
export function zooGraph(name: string, seed = 1) {
  const network = zooEntry(name).build();
  return network.graph(exampleState(network, seed));
}

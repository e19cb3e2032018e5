/**
 * Every network of the zoo by the name that the command line knows: `zoo:bi-real-18`. Not here: the
 * networks.
 */
import { unknownName } from '../core/checks.js';
import { mergeAffines } from '../passes/index.js';
import { biReal18, biReal20, biReal34, biRealCifar18 } from './bi-real-net.js';
import { exampleState } from './example-state.js';
import { cnv, lfc, sfc, tfc } from './finn.js';
import type { Network, NetworkOptions } from './network.js';
import { quickNet } from './quick-net.js';
import { reActBiReal18, reActBiReal20, reActBiRealCifar18, reActNetA } from './react-net.js';
import {
  realToBinary18,
  realToBinary20,
  realToBinaryCifar18,
  strongBaseline18,
  strongBaseline20,
  strongBaselineCifar18,
} from './real-to-binary.js';
import { bwn18, bwn20, bwnCifar18, resnet18, resnet20, resnet34, resnetCifar18 } from './resnet.js';
import { xnor18, xnor20, xnorCifar18 } from './xnor-net.js';

/** A network of the zoo: what it is, where it is from, how it is built. */
export interface ZooEntry {
  /** One line for people. */
  readonly about: string;
  /** Where it is from. */
  readonly paper: string;
  /** Builds the network. */
  readonly build: (options?: NetworkOptions) => Network;
}

const RESNET =
  'He et al., Deep Residual Learning for Image Recognition, CVPR 2016, arXiv 1512.03385';
const XNOR = 'Rastegari et al., XNOR-Net, ECCV 2016, arXiv 1603.05279';
const BI_REAL = 'Liu et al., Bi-Real Net, ECCV 2018, arXiv 1808.00278';
const R2B =
  'Martinez et al., Training Binary Neural Networks with Real-to-Binary Convolutions, ' +
  'ICLR 2020, arXiv 2003.11535';
const REACT = 'Liu et al., ReActNet, ECCV 2020, arXiv 2003.03488';
const QUICK = 'Bannink et al., Larq Compute Engine, MLSys 2021, arXiv 2011.09398';
const FINN = 'Umuroglu et al., FINN, FPGA 2017, arXiv 1612.07119';

/** The networks of the papers by name, with their papers. */
export const ZOO: Readonly<Record<string, ZooEntry>> = {
  'resnet-18': { about: 'ResNet-18, float, ImageNet', paper: RESNET, build: resnet18 },
  'resnet-34': { about: 'ResNet-34, float, ImageNet', paper: RESNET, build: resnet34 },
  'resnet-18-cifar': { about: 'ResNet-18, float, CIFAR', paper: RESNET, build: resnetCifar18 },
  'resnet-20': { about: 'ResNet-20, float, CIFAR', paper: RESNET, build: resnet20 },
  'bwn-18': { about: 'Binary Weight Network on ResNet-18, ImageNet', paper: XNOR, build: bwn18 },
  'bwn-18-cifar': {
    about: 'Binary Weight Network on ResNet-18, CIFAR',
    paper: XNOR,
    build: bwnCifar18,
  },
  'bwn-20': { about: 'Binary Weight Network on ResNet-20, CIFAR', paper: XNOR, build: bwn20 },
  'xnor-18': {
    about: 'XNOR-Net on ResNet-18 with the activation scale K, ImageNet',
    paper: XNOR,
    build: xnor18,
  },
  'xnor-18-no-k': {
    about: 'the same without K, as released',
    paper: XNOR,
    build: (options) => xnor18({ ...options, activationScale: false }),
  },
  'xnor-18-cifar': { about: 'XNOR-Net on ResNet-18, CIFAR', paper: XNOR, build: xnorCifar18 },
  'xnor-20': { about: 'XNOR-Net on ResNet-20, CIFAR', paper: XNOR, build: xnor20 },
  'bi-real-18': { about: 'Bi-Real Net of 18 layers, ImageNet', paper: BI_REAL, build: biReal18 },
  'bi-real-34': { about: 'Bi-Real Net of 34 layers, ImageNet', paper: BI_REAL, build: biReal34 },
  'bi-real-18-cifar': {
    about: 'Bi-Real blocks on ResNet-18, CIFAR',
    paper: BI_REAL,
    build: biRealCifar18,
  },
  'bi-real-20': { about: 'Bi-Real blocks on ResNet-20, CIFAR', paper: BI_REAL, build: biReal20 },
  'strong-baseline-18': {
    about: 'the strong baseline of Real-to-Binary, ImageNet',
    paper: R2B,
    build: strongBaseline18,
  },
  'strong-baseline-18-cifar': {
    about: 'the strong baseline on ResNet-18, CIFAR',
    paper: R2B,
    build: strongBaselineCifar18,
  },
  'strong-baseline-20': {
    about: 'the strong baseline on ResNet-20, CIFAR',
    paper: R2B,
    build: strongBaseline20,
  },
  'real-to-binary-18': {
    about: 'Real-to-Binary with gate and alpha, ImageNet',
    paper: R2B,
    build: realToBinary18,
  },
  'real-to-binary-18-no-alpha': {
    about: 'the same without alpha, as in larq-zoo',
    paper: R2B,
    build: (options) => realToBinary18({ ...options, alpha: false }),
  },
  'real-to-binary-18-cifar': {
    about: 'Real-to-Binary on ResNet-18, CIFAR',
    paper: R2B,
    build: realToBinaryCifar18,
  },
  'real-to-binary-20': {
    about: 'Real-to-Binary on ResNet-20, CIFAR',
    paper: R2B,
    build: realToBinary20,
  },
  'react-net-a': { about: 'ReActNet-A, ImageNet', paper: REACT, build: reActNetA },
  'react-bi-real-18': {
    about: 'Bi-Real-18 with RSign and RPReLU, ImageNet',
    paper: REACT,
    build: reActBiReal18,
  },
  'react-bi-real-18-cifar': {
    about: 'the same on ResNet-18, CIFAR',
    paper: REACT,
    build: reActBiRealCifar18,
  },
  'react-bi-real-20': { about: 'the same on ResNet-20, CIFAR', paper: REACT, build: reActBiReal20 },
  'quick-net': { about: 'in the manner of QuickNet, ImageNet', paper: QUICK, build: quickNet },
  cnv: { about: 'FINN CNV, one bit, CIFAR', paper: FINN, build: cnv },
  tfc: { about: 'FINN TFC, one bit, MNIST', paper: FINN, build: tfc },
  sfc: { about: 'FINN SFC, one bit, MNIST', paper: FINN, build: sfc },
  lfc: { about: 'FINN LFC, one bit, MNIST', paper: FINN, build: lfc },
};

/**
 * What the zoo says of one of its networks.
 * @throws BitplaneError ERR_ARGUMENT for a name that the zoo does not have
 */
export function zooEntry(name: string): ZooEntry {
  if (!Object.hasOwn(ZOO, name))
    throw unknownName('a network of the zoo,', String(name), Object.keys(ZOO), { op: 'zoo' });
  return ZOO[name]!;
}

/**
 * The graph of a network in its default size, ready for inference (scales, batch norms and shifts
 * merged), with seeded example weights: for timing and inspection, not for answers.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function zooGraph(name: string, seed = 1) {
  const network = zooEntry(name).build();
  return mergeAffines(network.graph(exampleState(network, seed)));
}

/**
 * VGG-Small, the network of small pictures that papers on few bits compare on: 3x3 convolutions of
 * 128-128, 256-256 and 512-512 channels, each pair followed by 2x2 max pooling, and one dense
 * layer. As in Zhang et al., "LQ-Nets", ECCV 2018, arXiv 1807.10029: first layer and classifier are
 * real. Each paper's own block stands for a convolution. Not here: those blocks.
 */
import { type OptionNames, requireOneOf } from '../core/checks.js';
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';
import { type BiRealOptions, biRealBlock } from './bi-real-net.js';
import {
  type Block,
  CIFAR10,
  cifarStem,
  NETWORK_OPTIONS,
  type Network,
  type NetworkOptions,
  network,
  realLayer,
  widthsOf,
} from './network.js';
import { type ReActOptions, reActBiRealBlock } from './react-net.js';
import { xnorConv } from './xnor-net.js';

/** How VGG-small is built. */
export interface VggOptions extends NetworkOptions {
  /**
   * `float`: convolution, batch norm, ReLU. `bwn`: the same with binary weights. `xnor`: batch norm
   * and XNOR-Net's convolution without K. `biReal`, `reAct`: the units of those networks, a
   * shortcut around each convolution. Default 'float'.
   */
  readonly block?: VggBlock | undefined;
  /** Of `biReal`: the step of its training. Default 'binary'. */
  readonly stage?: BiRealOptions['stage'] | undefined;
  /** Of `reAct`: real weights in its first step. Default 'binary'. */
  readonly weights?: ReActOptions['weights'] | undefined;
  /** Of the weights of a block. Default: the block's. */
  readonly init?: nn.Initializer | undefined;
}

/** The block that VGG-small is built of, by the paper that it is of. */
export type VggBlock = (typeof VGG_BLOCKS)[number];
export const VGG_BLOCKS = ['float', 'bwn', 'xnor', 'biReal', 'reAct'] as const;

const OPTIONS: OptionNames<VggOptions> = {
  ...NETWORK_OPTIONS,
  block: true,
  stage: true,
  weights: true,
  init: true,
};

const plain =
  (weights?: nn.Conv2dOptions['weights'], inputs?: nn.Conv2dOptions['inputs']): Block =>
  (name, width) => {
    const options = { ...(weights && { weights }), ...(inputs && { inputs }) };
    return nn.sequential(
      [
        nn.conv2d({ filters: width, kernel: 3, pads: 1, name: 'conv', ...options }),
        nn.batchNorm({ name: 'bn' }),
        nn.relu({ name: 'relu' }),
      ],
      { name },
    );
  };

const xnor: Block = (name, width) =>
  nn.sequential(
    [
      nn.batchNorm({ epsilon: 1e-4, name: 'bn' }),
      xnorConv({ filters: width, kernel: 3, pads: 1, activationScale: false, name: 'conv' }),
    ],
    { name },
  );

function blockOf({ block = 'float', real, stage, weights, init }: VggOptions): Block {
  requireOneOf(block, VGG_BLOCKS, 'block', { op: 'zoo' });
  const own = { ...(init && { init }) };
  switch (block) {
    case 'float': {
      const few = realLayer(real);
      return plain(few.weights, few.inputs);
    }
    case 'bwn':
      return plain(quant.scaledSign());
    case 'xnor':
      return xnor;
    case 'biReal':
      return biRealBlock('plus', real, { ...own, ...(stage && { stage }) });
    case 'reAct':
      return reActBiRealBlock('plus', real, { ...own, ...(weights && { weights }) });
  }
}

/** VGG-small for CIFAR, x [N, 32, 32, 3] to logits [N, 10]. @throws BitplaneError ERR_ARGUMENT */
export function vggSmall(options: VggOptions = {}): Network {
  return network(options, OPTIONS, CIFAR10, (classes) => {
    const { real, block: kind = 'float' } = options;
    // The blocks of the others begin with what they need of the real map.
    const activation = kind === 'float' || kind === 'bwn' ? [nn.relu({ name: 'relu1' })] : [];
    const widths = widthsOf([128, 256, 512], options) as readonly [number, number, number];
    const block = blockOf(options);
    const pool = (index: number) => nn.maxPool2d({ kernel: 2, name: `pool${index}` });
    return [
      ...cifarStem(widths[0], { activation, real }),
      block('unit2', widths[0], 1),
      pool(1),
      block('unit3', widths[1], 1),
      block('unit4', widths[1], 1),
      pool(2),
      block('unit5', widths[2], 1),
      block('unit6', widths[2], 1),
      pool(3),
      // XNOR-Net's unit ends with its product.
      ...(kind === 'xnor'
        ? [nn.batchNorm({ epsilon: 1e-4, name: 'bn7' }), nn.relu({ name: 'relu7' })]
        : []),
      nn.flatten({ name: 'flatten' }),
      nn.dense({ units: classes, ...realLayer(real), name: 'fc' }),
    ];
  });
}

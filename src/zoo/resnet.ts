/**
 * Two baselines with real activations. ResNet: He et al., "Deep Residual Learning for Image
 * Recognition", CVPR 2016, arXiv 1512.03385. The Binary Weight Network, a ResNet with weights of
 * one bit: Rastegari et al., "XNOR-Net", ECCV 2016, arXiv 1603.05279. Not here: binary activations.
 *
 * The block: x -> conv3x3 -> batch norm -> ReLU -> conv3x3 -> batch norm -> + shortcut(x) -> ReLU.
 * The shortcut is x; where the shape changes, a 1x1 convolution with batch norm on ImageNet's
 * networks, and every other pixel with channels of zeros on ResNet-20. In a Binary Weight Network
 * every convolution but the first is alpha_o * (x * sign(W)); the first layer and the classifier
 * stay real.
 */
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';
import {
  type Block,
  CIFAR10,
  cifarStem,
  head,
  IMAGENET,
  imagenetStem,
  NETWORK_OPTIONS,
  type Network,
  type NetworkOptions,
  network,
  realLayer,
  stages,
  widthsOf,
} from './network.js';

/** How the weights of a block's convolutions are quantized. */
export type Weights = nn.Conv2dOptions['weights'];
/** How the inputs of a block's convolutions are quantized. */
export type Inputs = nn.Conv2dOptions['inputs'];
/** Makes what stands around a block of so many channels. */
export type Shortcut = (
  width: number,
  stride: 1 | 2,
  weights?: Weights,
  inputs?: Inputs,
) => nn.Layer;

/** The options of a convolution, without those that are undefined. */
function quantizers(weights: Weights, inputs: Inputs) {
  return {
    ...(weights === undefined ? {} : { weights }),
    ...(inputs === undefined ? {} : { inputs }),
  };
}

/**
 * The basic block of ResNets as a layer: two 3x3 convolutions with a shortcut around both.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function basicBlock(shortcut: Shortcut, weights?: Weights, inputs?: Inputs): Block {
  const conv = (name: string, filters: number, strides: 1 | 2) =>
    nn.conv2d({
      filters,
      kernel: 3,
      strides,
      pads: 1,
      name,
      ...quantizers(weights, inputs),
    });
  return (name, width, stride) => {
    const main = nn.sequential([
      conv('conv1', width, stride),
      nn.batchNorm({ name: 'bn1' }),
      nn.relu({ name: 'relu1' }),
      conv('conv2', width, 1),
      nn.batchNorm({ name: 'bn2' }),
    ]);
    return nn.sequential(
      [
        nn.residual(main, { shortcut: shortcut(width, stride, weights, inputs) }),
        nn.relu({ name: 'relu2' }),
      ],
      { name },
    );
  };
}

/** x, or a strided 1x1 convolution and batch norm where the shape changes. */
export const projection: Shortcut = (width, stride, weights, inputs) =>
  nn.layer(
    'shortcut',
    (scope, x) => {
      if (stride === 1 && x.shape.at(-1) === width) return x;
      const conv = nn.conv2d({
        filters: width,
        kernel: 1,
        strides: stride,
        name: 'conv',
        ...quantizers(weights, inputs),
      });
      return scope.apply(nn.batchNorm({ name: 'bn' }), scope.apply(conv, x));
    },
    { name: 'shortcut' },
  );

/**
 * x, or every other pixel with channels of zeros on both sides: no parameters (option A of the
 * paper).
 */
export const paddedShortcut: Shortcut = (width, stride) =>
  nn.layer(
    'shortcut',
    (scope, x) => {
      const missing = width - scope.channels('shortcut', x);
      if (stride === 1 && missing === 0) return x;
      const picked =
        stride === 1
          ? x
          : scope.g.maxPool2d(x, [1, 1], {
              strides: [stride, stride],
              name: scope.named('picked'),
            });
      const before = Math.floor(missing / 2);
      return scope.g.pad(picked, [0, 0, 0, before, 0, 0, 0, missing - before], 0, {
        name: scope.path,
      });
    },
    { name: 'shortcut' },
  );

const stemOf = ({ real }: NetworkOptions) => ({
  activation: [nn.relu({ name: 'relu' })],
  real,
});

/** A block with binary weights, or in what `real` says: in a ResNet every layer is a real one. */
function blockOf(
  shortcut: Shortcut,
  { real }: NetworkOptions,
  binary: quant.WeightQuantizer | undefined,
): Block {
  if (binary !== undefined) return basicBlock(shortcut, binary);
  const { weights, inputs } = realLayer(real);
  return basicBlock(shortcut, weights, inputs);
}

const WIDE = [64, 128, 256, 512];
const NARROW = [16, 32, 64];

const imagenet =
  (depths: readonly number[], weights?: quant.WeightQuantizer) =>
  (options: NetworkOptions = {}): Network =>
    network(options, NETWORK_OPTIONS, IMAGENET, (classes) => [
      ...imagenetStem(options.width ?? 64, stemOf(options)),
      ...stages(blockOf(projection, options, weights), widthsOf(WIDE, options), depths),
      ...head(classes, options.real),
    ]);

const cifar18 =
  (weights?: quant.WeightQuantizer) =>
  (options: NetworkOptions = {}): Network =>
    network(options, NETWORK_OPTIONS, CIFAR10, (classes) => [
      ...cifarStem(options.width ?? 64, stemOf(options)),
      ...stages(blockOf(projection, options, weights), widthsOf(WIDE, options), [2, 2, 2, 2]),
      ...head(classes, options.real),
    ]);

const cifar20 =
  (weights?: quant.WeightQuantizer) =>
  (options: NetworkOptions = {}): Network =>
    network(options, NETWORK_OPTIONS, CIFAR10, (classes) => [
      ...cifarStem(options.width ?? 16, stemOf(options)),
      ...stages(blockOf(paddedShortcut, options, weights), widthsOf(NARROW, options), [3, 3, 3]),
      ...head(classes, options.real),
    ]);

/**
 * ResNet-18 for ImageNet, x [N, 224, 224, 3] to logits [N, 1000]. He et al., arXiv 1512.03385.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const resnet18 = imagenet([2, 2, 2, 2]);
/**
 * ResNet-34 for ImageNet, x [N, 224, 224, 3] to logits [N, 1000]. He et al., arXiv 1512.03385.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const resnet34 = imagenet([3, 4, 6, 3]);
/**
 * ResNet-18 whose stem is one of CIFAR's, x [N, 32, 32, 3] to logits [N, 10].
 * @throws BitplaneError ERR_ARGUMENT
 */
export const resnetCifar18 = cifar18();
/**
 * ResNet-20 for CIFAR, x [N, 32, 32, 3] to logits [N, 10]. He et al., arXiv 1512.03385.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const resnet20 = cifar20();
/**
 * ResNet-18 with binary weights for ImageNet. Rastegari et al., arXiv 1603.05279.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const bwn18 = imagenet([2, 2, 2, 2], quant.scaledSign());
/**
 * ResNet-18 with binary weights, its stem one of CIFAR's.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const bwnCifar18 = cifar18(quant.scaledSign());
/**
 * ResNet-20 with binary weights for CIFAR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const bwn20 = cifar20(quant.scaledSign());

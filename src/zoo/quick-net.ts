/**
 * A network in the manner of QuickNet: Bannink et al., "Larq Compute Engine: Design, Benchmark, and
 * Deploy State-of-the-Art Binarized Neural Networks", MLSys 2021, arXiv 2011.09398. Its layout of
 * layers, not its trained weights and not every detail.
 *
 * The block: x -> sign -> binary conv3x3, padded with +1 -> ReLU -> batch norm -> + x. Between
 * stages: ReLU, 3x3 max pooling of stride 1, a depthwise 3x3 of stride 2 that begins as a binomial
 * blur, a real 1x1 convolution, batch norm.
 */
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';
import {
  FIXED_WIDTH_OPTIONS,
  IMAGENET,
  type Network,
  type NetworkOptions,
  network,
  realLayer,
} from './network.js';

const SECTIONS = [4, 4, 4, 4];
const WIDTHS = [64, 128, 256, 512];

const BINOMIAL = [1, 2, 1, 2, 4, 2, 1, 2, 1].map((value) => value / 16);
const blur: nn.Initializer = (data) => {
  for (let i = 0; i < data.length; i++) data[i] = BINOMIAL[i % BINOMIAL.length] as number;
};

export function quickNetBlock(name: string, width: number): nn.Layer {
  const conv = nn.conv2d({
    filters: width,
    kernel: 3,
    pads: 1,
    padValue: 1,
    weights: quant.sign(),
    inputs: quant.signActivation({ pseudoGradient: 'clip' }),
    name: 'conv',
  });
  return nn.residual(
    nn.sequential([conv, nn.relu({ name: 'relu' }), nn.batchNorm({ name: 'bn' })]),
    { name },
  );
}

export function quickNetTransition(
  name: string,
  from: number,
  to: number,
  real?: quant.QuantSpecLike,
): nn.Layer {
  const layers = [
    nn.relu({ name: 'relu' }),
    nn.maxPool2d({ kernel: 3, strides: 1, pads: 1, name: 'maxpool' }),
    nn.conv2d({
      filters: from,
      kernel: 3,
      strides: 2,
      pads: 1,
      groups: from,
      ...realLayer(real),
      init: blur,
      name: 'blur',
    }),
    nn.conv2d({ filters: to, kernel: 1, ...realLayer(real), name: 'conv' }),
    nn.batchNorm({ name: 'bn' }),
  ];
  return nn.sequential(layers, { name });
}

/** From the picture to the first section, at a quarter of its size. */
export function quickNetStem(real?: quant.QuantSpecLike): nn.Layer[] {
  const own = realLayer(real);
  return [
    nn.conv2d({ filters: 8, kernel: 3, strides: 2, pads: 1, ...own, name: 'conv1' }),
    nn.batchNorm({ name: 'bn1' }),
    nn.relu({ name: 'relu1' }),
    nn.conv2d({ filters: 8, kernel: 3, strides: 2, pads: 1, groups: 8, ...own, name: 'conv2' }),
    nn.batchNorm({ name: 'bn2' }),
    nn.conv2d({ filters: WIDTHS[0]!, kernel: 1, ...own, name: 'conv3' }),
    nn.batchNorm({ name: 'bn3' }),
  ];
}

/**
 * QuickNet for ImageNet, x [N, 224, 224, 3] to logits [N, 1000]. Bannink et al., arXiv 2011.09398.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function quickNet(options: Omit<NetworkOptions, 'width'> = {}): Network {
  return network(options, FIXED_WIDTH_OPTIONS, IMAGENET, (classes) => [
    ...quickNetStem(options.real),
    ...WIDTHS.flatMap((width, i) => [
      ...(i === 0
        ? []
        : [quickNetTransition(`transition${i}`, WIDTHS[i - 1]!, width, options.real)]),
      nn.sequential(
        Array.from({ length: SECTIONS[i]! }, (_, k) => quickNetBlock(`${k}`, width)),
        { name: `section${i + 1}` },
      ),
    ]),
    nn.relu({ name: 'relu2' }),
    nn.globalAvgPool({ name: 'avgpool' }),
    nn.dense({ units: classes, ...realLayer(options.real), name: 'fc' }),
  ]);
}

/**
 * A network shaped like ResNet-50: He et al., "Deep Residual Learning for Image Recognition", CVPR
 * 2016, arXiv 1512.03385, with the stride in the 3x3 convolution. Pictures of 224 x 224, 1000
 * classes. Not here: weights.
 */
import { nn } from 'bitplane';

/** Blocks of each stage; stage i is 64 * 2^i channels wide inside and four times that outside. */
const DEPTHS = [3, 4, 6, 3];
const WIDENING = 4;

export function resnet50() {
  const stages = DEPTHS.flatMap((depth, stage) =>
    Array.from({ length: depth }, (_, i) =>
      bottleneck(`layer${stage + 1}.${i}`, 64 * 2 ** stage, i > 0, i === 0 && stage > 0 ? 2 : 1),
    ),
  );
  return nn.model(
    { input: { name: 'image', shape: ['N', 224, 224, 3] } },
    nn.sequential([
      ...normalized('conv1', 64, 7, 2),
      nn.relu({ name: 'relu' }),
      nn.maxPool2d({ kernel: 3, strides: 2, pads: 1, name: 'maxpool' }),
      ...stages,
      nn.globalAvgPool({ name: 'avgpool' }),
      nn.dense({ units: 1000, name: 'fc' }),
    ]),
  );
}

function normalized(name: string, filters: number, kernel: number, strides: number): nn.Layer[] {
  return [
    nn.conv2d({ filters, kernel, strides, pads: (kernel - 1) / 2, name }),
    nn.batchNorm({ name: `${name}.bn` }),
  ];
}

/** 1x1 to `width`, 3x3, 1x1 to four times `width`; x, or a 1x1 convolution of it, is added. */
function bottleneck(name: string, width: number, isSame: boolean, strides: number): nn.Layer {
  const outputs = width * WIDENING;
  const main = nn.sequential([
    ...normalized('conv1', width, 1, 1),
    nn.relu({ name: 'relu1' }),
    ...normalized('conv2', width, 3, strides),
    nn.relu({ name: 'relu2' }),
    ...normalized('conv3', outputs, 1, 1),
  ]);
  const block = isSame
    ? nn.residual(main)
    : nn.residual(main, { shortcut: nn.sequential(normalized('shortcut', outputs, 1, strides)) });
  return nn.sequential([block, nn.relu({ name: 'relu3' })], { name });
}

/**
 * The networks that `bitplane demo` trains: a binary one, and the linear classifier that shows what
 * the pixels alone give away. Not here: training them (demo-story.ts).
 */
import type { PictureSet } from '../data/picture-set.js';
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';

/** Channels of the first layer. */
const WIDTH = 24;

/**
 * Pictures [N, 24, 24, 3] -> logits [N, K]. A float convolution, four binary ones of 3x3 with the
 * shortcuts of Bi-Real Net, and a float layer of the maximum of each channel: a shape may be
 * anywhere.
 */
export function binaryNetwork(set: PictureSet): nn.Model {
  const conv = (filters: number) =>
    nn.sequential([
      nn.conv2d({
        filters,
        kernel: 3,
        pads: 1,
        weights: quant.scaledSign({ gradient: 'straightThrough' }),
        inputs: quant.signActivation(),
      }),
      nn.batchNorm(),
    ]);
  const unit = (filters: number) => nn.sequential([nn.residual(conv(filters)), nn.prelu()]);
  const twice = nn.concat([nn.identity, nn.identity]);
  const widen = (filters: number) =>
    nn.sequential([nn.residual(conv(filters), { shortcut: twice }), nn.prelu()]);
  return modelOf(set, [
    nn.conv2d({ filters: WIDTH, kernel: 4, strides: 2, pads: 1 }),
    nn.batchNorm(),
    unit(WIDTH),
    widen(2 * WIDTH),
    nn.maxPool2d({ kernel: 2 }),
    unit(2 * WIDTH),
    widen(4 * WIDTH),
    nn.maxPool2d({ kernel: 6 }),
    nn.flatten(),
    nn.dense({ units: set.classes.length }),
  ]);
}

/** Softmax regression on pixels. */
export function linearClassifier(set: PictureSet): nn.Model {
  return modelOf(set, [nn.flatten(), nn.dense({ units: set.classes.length })]);
}

function modelOf({ pictureShape }: PictureSet, layers: readonly nn.Layer[]): nn.Model {
  const input = { name: 'image', shape: ['N', ...pictureShape] };
  return nn.model({ input }, nn.sequential(layers)) as nn.Model;
}

/**
 * The generator of pictures that GDFQ and ZAQ train: a dense layer to a small map, twice its size
 * and a convolution, twice again and a convolution, pictures that a last batch norm normalizes. Xu
 * et al., ECCV 2020, arXiv 2003.03603, and Liu et al., CVPR 2021, arXiv 2103.15263, as released.
 * Not here: what trains it.
 */
import { type OptionNames, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { tanh } from '../nn/activations.js';
import { batchNorm } from '../nn/batch-norm.js';
import { conv2d } from '../nn/conv2d.js';
import { dense } from '../nn/dense.js';
import { fanInUniform, type Initializer } from '../nn/initializers.js';
import { Model } from '../nn/model.js';
import { fillNormal } from '../nn/random.js';
import { type Float, type Layer, layer, type Scope } from '../nn/scope.js';

export interface GeneratorOptions {
  /** Side and channels of the pictures; the side is a multiple of 4. */
  readonly size: number;
  /** Default 3. */
  readonly channels?: number;
  /** Numbers of the noise. */
  readonly latent: number;
  /** Classes that pictures are asked for; 0 asks for none. Default 0. */
  readonly classes?: number;
  /** Channels of the three maps. Default 128, 128, 64. */
  readonly widths?: readonly [number, number, number];
  /** Of the batch norms behind convolutions. Default 1e-5. */
  readonly epsilon?: number;
}

const OPTIONS: OptionNames<GeneratorOptions> = {
  size: true,
  channels: true,
  latent: true,
  classes: true,
  widths: true,
  epsilon: true,
};
const SITE = { op: 'generator' };

const standardNormal: Initializer = (data, _shape, random) => fillNormal(data, 1, random);

/**
 * From noise [N, latent] to pictures [N, size, size, channels]. With classes the input is [N,
 * latent + classes], noise beside a one-hot class, and the noise is multiplied by what the class
 * has learned, number by number.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function generator(options: GeneratorOptions): Model<'noise', 'pictures'> {
  requireOptions(options, OPTIONS, SITE);
  const { size, channels = 3, latent, classes = 0, epsilon = 1e-5 } = options;
  const { widths = [128, 128, 64] } = options;
  for (const [name, value] of Object.entries({ size, channels, latent }))
    if (!Number.isInteger(value) || value < 1)
      throw expected('ERR_ARGUMENT', `${name} to be a whole number of 1 or more`, value, SITE);
  if (size % 4 !== 0) throw expected('ERR_ARGUMENT', 'size to be a multiple of 4', size, SITE);
  if (!Number.isInteger(classes) || classes < 0)
    throw expected('ERR_ARGUMENT', 'classes to be a whole number of 0 or more', classes, SITE);
  if (!Array.isArray(widths) || widths.length !== 3)
    throw expected('ERR_ARGUMENT', 'widths of three maps', widths, SITE);
  const [first, second, third] = widths as readonly [number, number, number];
  const norm = (name: string, own?: number) =>
    batchNorm({ name, ...(own !== undefined && { epsilon: own }) });
  const conv = (name: string, filters: number) =>
    conv2d({ name, filters, kernel: 3, pads: 1, bias: true, init: fanInUniform });
  const small = size / 4;
  const behind: readonly Layer[] = [
    dense({ name: 'first', units: first * small * small }),
    planes(small, first),
    norm('norm1'),
    twice,
    conv('conv1', second),
    norm('norm2', epsilon),
    leaky,
    twice,
    conv('conv2', third),
    norm('norm3', epsilon),
    leaky,
    conv('conv3', channels),
    tanh(),
    batchNorm({ name: 'norm4', affine: false }),
  ];
  const whole = layer(
    'generator',
    (scope, x) => {
      const seeded = classes === 0 ? x : conditioned(scope, x, latent, classes);
      return behind.reduce((value, next) => scope.apply(next, value), seeded);
    },
    { transparent: true },
  );
  return new Model(
    { input: { name: 'noise', shape: ['N', latent + classes] }, output: 'pictures' },
    whole,
  );
}

/** z times the row of the class. */
function conditioned(scope: Scope, x: Float, latent: number, classes: number): Float {
  const { g } = scope;
  const batch = x.shape[0]!;
  const z = g.slice(x, [0, 0], [batch, latent]) as Float;
  const label = g.slice(x, [0, latent], [batch, latent + classes]) as Float;
  const rows = scope.parameter('embedding', [latent, classes], 'weight', standardNormal);
  return g.mul(g.dense(label, rows), z);
}

/** [N, C * s * s], a plane a channel, as [N, s, s, C]. */
function planes(side: number, channels: number): Layer {
  return layer('planes', ({ g }, x) => {
    const map = g.reshape(x, [x.shape[0]!, channels, side, side]) as Float;
    return g.transpose(map, [0, 2, 3, 1]) as Float;
  });
}

/** Each pixel four times: [N, H, W, C] -> [N, 2H, 2W, C]. */
const twice = layer('twice', (scope, x) => {
  const { g } = scope;
  const { height, width, channels } = scope.map('twice', x);
  const batch = x.shape[0]!;
  const apart = g.reshape(x, [batch, height, 1, width, 1, channels]) as Float;
  const all = g.expand(apart, [batch, height, 2, width, 2, channels]);
  return g.reshape(all, [batch, 2 * height, 2 * width, channels]) as Float;
});

const leaky = layer('leaky', ({ g }, x) => g.leakyRelu(x, { alpha: 0.2 }));

/**
 * The generator of pictures that GDFQ and ZAQ train: a dense layer to a small map, twice its size
 * and a convolution, twice again and a convolution, pictures that a last batch norm normalizes. Xu
 * et al., ECCV 2020, arXiv 2003.03603, and Liu et al., CVPR 2021, arXiv 2103.15263, as released.
 * Not here: what trains it.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { tanh } from '../nn/activations.js';
import { batchNorm } from '../nn/batch-norm.js';
import { conv2d } from '../nn/conv2d.js';
import { dense } from '../nn/dense.js';
import { constantOf, fanInUniform, type Initializer } from '../nn/initializers.js';
import { Model } from '../nn/model.js';
import { fillNormal } from '../nn/random.js';
import { type Float, type Layer, layer, type Scope } from '../nn/scope.js';

/** How a generator of pictures is built. */
export interface GeneratorOptions {
  /** Side and channels of the pictures; the side is a multiple of 4. */
  readonly size: number;
  /** Default 3. */
  readonly channels?: number | undefined;
  /** Numbers of the noise. */
  readonly latent: number;
  /** Classes that pictures are asked for; 0 asks for none. Default 0. */
  readonly classes?: number | undefined;
  /**
   * What a class changes: the noise, which is multiplied by what the class has learned, or the
   * scales and shifts of the batch norms, of which each class has its own. Default 'noise'.
   */
  readonly conditioning?: 'noise' | 'norms' | undefined;
  /** Channels of the three maps. Default 128, 128, 64. */
  readonly widths?: readonly [number, number, number] | undefined;
  /** Of the batch norms behind convolutions. Default 1e-5. */
  readonly epsilon?: number | undefined;
}

const OPTIONS: OptionNames<GeneratorOptions> = {
  size: true,
  channels: true,
  latent: true,
  classes: true,
  conditioning: true,
  widths: true,
  epsilon: true,
};
const SITE = { op: 'generator' };

const standardNormal: Initializer = (data, _shape, random) => fillNormal(data, 1, random);

/**
 * From noise [N, latent] to pictures [N, size, size, channels]. With classes the input is [N,
 * latent + classes], noise beside a one-hot class.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function generator(options: GeneratorOptions): Model<'noise', 'pictures'> {
  requireOptions(options, OPTIONS, SITE);
  const { size, channels = 3, latent, classes = 0, epsilon = 1e-5 } = options;
  const { widths = [128, 128, 64], conditioning = 'noise' } = options;
  requireOneOf(conditioning, ['noise', 'norms'], 'conditioning', SITE);
  for (const [name, value] of Object.entries({ size, channels, latent }))
    if (!Number.isInteger(value) || value < 1)
      throw expected('ERR_ARGUMENT', `${name} to be a whole number of 1 or more`, value, SITE);
  if (size % 4 !== 0) throw expected('ERR_ARGUMENT', 'size to be a multiple of 4', size, SITE);
  if (!Number.isInteger(classes) || classes < 0)
    throw expected('ERR_ARGUMENT', 'classes to be a whole number of 0 or more', classes, SITE);
  if (!Array.isArray(widths) || widths.length !== 3)
    throw expected('ERR_ARGUMENT', 'widths of three maps', widths, SITE);
  const [first, second, third] = widths as readonly [number, number, number];
  const norm = (label: Float | undefined, name: string, own = 1e-5) =>
    label === undefined
      ? batchNorm({ name, epsilon: own })
      : normByClass(label, classes, { name, epsilon: own });
  const conv = (name: string, filters: number) =>
    conv2d({ name, filters, kernel: 3, pads: 1, bias: true, init: fanInUniform });
  const small = size / 4;
  const behind = (label: Float | undefined): readonly Layer[] => [
    dense({ name: 'first', units: first * small * small }),
    planes(small, first),
    norm(label, 'norm1'),
    twice,
    conv('conv1', second),
    norm(label, 'norm2', epsilon),
    leaky,
    twice,
    conv('conv2', third),
    norm(label, 'norm3', epsilon),
    leaky,
    conv('conv3', channels),
    tanh(),
    batchNorm({ name: 'norm4', affine: false }),
  ];
  const whole = layer(
    'generator',
    (scope, x) => {
      const { z, label } = parted(scope, x, latent, classes);
      const byNorms = conditioning === 'norms';
      const seeded = label === undefined || byNorms ? z : conditioned(scope, z, label);
      return behind(byNorms ? label : undefined).reduce(
        (value, next) => scope.apply(next, value),
        seeded,
      );
    },
    { transparent: true },
  );
  return new Model(
    { input: { name: 'noise', shape: ['N', latent + classes] }, output: 'pictures' },
    whole,
  );
}

/** The noise, and the one-hot class where there are classes. */
function parted({ g }: Scope, x: Float, latent: number, classes: number) {
  if (classes === 0) return { z: x, label: undefined };
  const batch = x.shape[0]!;
  return {
    z: g.slice(x, [0, 0], [batch, latent]) as Float,
    label: g.slice(x, [0, latent], [batch, latent + classes]) as Float,
  };
}

/** z times the row of the class, number by number. */
function conditioned(scope: Scope, z: Float, label: Float): Float {
  const [latent, classes] = [z, label].map(({ shape }) => shape[1] as number) as [number, number];
  const rows = scope.parameter('embedding', [latent, classes], 'weight', standardNormal);
  return scope.g.mul(scope.g.dense(label, rows), z);
}

/** A batch norm whose scale and shift are those of the class. */
function normByClass(
  label: Float,
  classes: number,
  { name, epsilon }: { readonly name: string; readonly epsilon: number },
): Layer {
  return layer(
    'normByClass',
    (scope, x) => {
      const { g } = scope;
      const [batch, , , channels] = x.shape as readonly [number, number, number, number];
      const plain = scope.apply(batchNorm({ affine: false, epsilon }), x);
      const own = (which: string, role: 'scale' | 'shift', value: number) => {
        const rows = scope.parameter(which, [channels, classes], role, constantOf(value));
        return g.reshape(g.dense(label, rows), [batch, 1, 1, channels]) as Float;
      };
      return g.add(g.mul(plain, own('gamma', 'scale', 1)), own('beta', 'shift', 0));
    },
    { name },
  );
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

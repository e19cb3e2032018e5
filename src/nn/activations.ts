/**
 * Activations as layers, including those with one parameter a channel. Not here: quantizers of
 * layers (src/quant).
 */
import { requireOptions } from '../core/checks.js';
import type { GraphBuilder, Named } from '../ops/builder.js';
import { type SignActivationOptions, signActivation } from '../quant/sign-activation.js';
import { constantOf } from './initializers.js';
import { quantizeInput } from './quantize.js';
import { type Float, type Layer, layer, type NameOption, nameOf } from './scope.js';

/** A layer that is one op without parameters. */
function plain(
  kind: string,
  op: (g: GraphBuilder, x: Float, options: Named) => Float,
): (options?: NameOption) => Layer {
  return (options = {}) =>
    layer(kind, (scope, x) => op(scope.g, x, { name: scope.path }), nameOf(kind, options));
}

/** A layer: max(0, x). @throws BitplaneError ERR_ARGUMENT for an option that does not exist */
export const relu = plain('relu', (g, x, named) => g.relu(x, named));
/**
 * A layer: 1 / (1 + exp(-x)).
 * @throws BitplaneError ERR_ARGUMENT for an option that does not exist
 */
export const sigmoid = plain('sigmoid', (g, x, named) => g.sigmoid(x, named));
/**
 * A layer: the hyperbolic tangent.
 * @throws BitplaneError ERR_ARGUMENT for an option that does not exist
 */
export const tanh = plain('tanh', (g, x, named) => g.tanh(x, named));
/** Over the last axis. */
export const softmax = plain('softmax', (g, x, named) => g.softmax(x, named));
/** x clipped to [-1, 1]. */
export const hardTanh = plain('hardTanh', (g, x, named) => g.clip(x, -1, 1, named));

/**
 * x clipped to [min, max].
 * @throws BitplaneError ERR_ARGUMENT
 */
export function clip(min: number, max: number, options: NameOption = {}): Layer {
  return layer(
    'clip',
    (scope, x) => scope.g.clip(x, min, max, { name: scope.path }),
    nameOf('clip', options),
  );
}

/**
 * The binarization as a layer. Under packed: true and zero: 'torch' an input that may be 0 is an
 * error.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function sign(options: SignActivationOptions & NameOption = {}): Layer {
  const { name, quantizer } = signOptions('sign', options);
  return layer('sign', (scope, x) => quantizeInput(scope, 'sign', quantizer, x, scope.path), {
    name,
  });
}

function signOptions(op: string, options: SignActivationOptions & NameOption) {
  requireOptions(options, { zero: true, pseudoGradient: true, packed: true, name: true }, { op });
  const { name, ...own } = options;
  return { name, quantizer: signActivation(own) };
}

/**
 * x < 0 ? slope_c * x : x, slopes beginning at 0.25. He et al., ICCV 2015.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function prelu(options: NameOption = {}): Layer {
  return layer(
    'prelu',
    (scope, x) => {
      const slope = scope.parameter(
        'slope',
        [scope.channels('prelu', x)],
        'slope',
        constantOf(0.25),
      );
      return scope.g.prelu(x, slope, { name: scope.path });
    },
    nameOf('prelu', options),
  );
}

/**
 * ReActNet's RSign: sign(x + shift_c), shift = -threshold as the authors' code stores it. Liu et
 * al., ECCV 2020, arXiv 2003.03488. At x + shift = 0 the paper gives -1, the release 0; here `zero`
 * decides, +1 by default. In a trained network x + shift is practically never 0.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function rsign(options: SignActivationOptions & NameOption = {}): Layer {
  const { name, quantizer } = signOptions('rsign', options);
  return layer(
    'rsign',
    (scope, x) => {
      const shift = scope.parameter('shift', [scope.channels('rsign', x)], 'bias', constantOf(0));
      return quantizeInput(
        scope,
        'rsign',
        quantizer,
        scope.g.add(x, shift, { name: scope.named('in') }),
        scope.path,
      );
    },
    { name },
  );
}

/**
 * ReActNet's RPReLU: v = x + before_c; y = (v < 0 ? slope_c * v : v) + after_c; before = -gamma,
 * slope = beta, after = zeta of the paper. Liu et al., ECCV 2020.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function rprelu(options: NameOption = {}): Layer {
  return layer(
    'rprelu',
    (scope, x) => {
      const { g } = scope;
      const shape = [scope.channels('rprelu', x)];
      const moved = g.add(x, scope.parameter('before', shape, 'bias', constantOf(0)), {
        name: scope.named('in'),
      });
      const bent = g.prelu(moved, scope.parameter('slope', shape, 'slope', constantOf(0.25)), {
        name: scope.named('bend'),
      });
      return g.add(bent, scope.parameter('after', shape, 'bias', constantOf(0)), {
        name: scope.path,
      });
    },
    nameOf('rprelu', options),
  );
}

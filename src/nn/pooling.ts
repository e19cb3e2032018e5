/**
 * Pooling as layers. Not here: the windows (src/ops/pool2d.ts).
 */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { type Layer, layer, type NameOption, nameOf } from './scope.js';
import { type Pads, padsOf, pair } from './windows.js';

/** The window of a pooling: size, steps, border, all in pixels. */
export interface PoolOptions extends NameOption {
  /** Height and width of the window in pixels; one number for both. */
  readonly kernel: number | readonly [number, number];
  /** Default the kernel. */
  readonly strides?: number | readonly [number, number] | undefined;
  /** Default 0. */
  readonly pads?: number | Pads | 'same' | undefined;
}

/** The window of an average pooling. */
export interface AvgPoolOptions extends PoolOptions {
  /** The border counts as zeros. Default false. */
  readonly countPad?: boolean | undefined;
  /**
   * Every window must lie within the map; a size that does not divide is an error that names it.
   * Default false.
   */
  readonly whole?: boolean | undefined;
}

/**
 * A layer: the greatest of each window of a map [N, H, W, C].
 * @throws BitplaneError ERR_ARGUMENT; when the model is built ERR_SHAPE
 */
export function maxPool2d(options: PoolOptions): Layer {
  requireOptions(
    options,
    { kernel: true, strides: true, pads: true, name: true },
    { op: 'maxPool2d' },
  );
  const kernel = pair(options.kernel);
  const strides = pair(options.strides ?? kernel);
  return layer(
    'maxPool2d',
    (scope, x) => {
      const { height, width } = scope.map('maxPool2d', x);
      return scope.g.maxPool2d(x, kernel, {
        strides,
        pads: padsOf(options.pads ?? 0, [height, width], kernel, strides),
        name: scope.path,
      });
    },
    { name: options.name },
  );
}

/**
 * A layer: the mean of each window of a map [N, H, W, C].
 * @throws BitplaneError ERR_ARGUMENT; when the model is built ERR_SHAPE
 */
export function avgPool2d(options: AvgPoolOptions): Layer {
  const known = {
    kernel: true,
    strides: true,
    pads: true,
    countPad: true,
    whole: true,
    name: true,
  } as const;
  requireOptions(options, known, { op: 'avgPool2d' });
  const kernel = pair(options.kernel);
  const strides = pair(options.strides ?? kernel);
  return layer(
    'avgPool2d',
    (scope, x) => {
      const { height, width } = scope.map('avgPool2d', x);
      if (options.whole === true && (height % strides[0] !== 0 || width % strides[1] !== 0)) {
        const site = { op: 'avgPool2d', node: scope.path };
        throw expected(
          'ERR_SHAPE',
          `a map whose sides divide by ${strides[0]} and ${strides[1]}`,
          `one of ${height} by ${width}`,
          site,
        );
      }
      const pads = padsOf(options.pads ?? 0, [height, width], kernel, strides);
      return scope.g.avgPool2d(x, kernel, {
        strides,
        pads,
        countPad: options.countPad ?? false,
        name: scope.path,
      });
    },
    { name: options.name },
  );
}

/**
 * The mean of each channel over the map: [N,H,W,C] -> [N,C].
 * @throws BitplaneError ERR_ARGUMENT
 */
export function globalAvgPool(options: NameOption = {}): Layer {
  return layer(
    'globalAvgPool',
    (scope, x) => {
      scope.map('globalAvgPool', x);
      return scope.g.reduce(x, 'mean', [1, 2], { name: scope.path });
    },
    nameOf('globalAvgPool', options),
  );
}

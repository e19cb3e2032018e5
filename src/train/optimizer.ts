/**
 * Optimizers as graph pieces: from a parameter and its gradient to what a step makes of both the
 * parameter and the moments that the optimizer keeps. Each follows PyTorch's arithmetic. Not here:
 * which parameters an optimizer has (./step.ts), rates (./schedule.ts).
 */
import { type OptionNames, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Update, Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { Tensor } from '../tensor/tensor.js';

type Float = Value<'f32'>;

/** What an optimizer works with for one parameter. */
export interface Slot {
  /** The graph of the step. */
  readonly g: GraphBuilder;
  /** The state that holds the parameter. */
  readonly parameter: Float;
  /** Of the loss by the parameter. */
  readonly gradient: Float;
  /** The numbers of this step, as `numbers` gives them. */
  readonly numbers: readonly Float[];
  /** A state of the parameter's shape, zeros at first. */
  moment(name: string): Float;
}

/** What a step makes of a parameter and of its moments. */
export interface Stepped {
  /** The next value of the parameter. */
  readonly next: Float;
  /** The next values of its moments. */
  readonly moments: readonly Update[];
}

/** Makes the next value of a parameter from its gradient. */
export interface Optimizer {
  /** What it is called. */
  readonly name: string;
  /** The rate where no schedule gives one. */
  readonly rate: number;
  /**
   * The numbers that every step feeds, from the rate and the step, counted from 1; computed in
   * doubles.
   */
  numbers(rate: number, step: number): readonly number[];
  /** Adds the next value of a parameter, and of its moments, to the graph. */
  step(slot: Slot): Stepped;
}

/** The numbers of stochastic gradient descent. */
export interface SgdOptions {
  /** Default 0.1. */
  readonly rate?: number | undefined;
  /** Default 0. */
  readonly momentum?: number | undefined;
  /** Default false. */
  readonly nesterov?: boolean | undefined;
  /** Times the parameter, added to its gradient. Default 0. */
  readonly decay?: number | undefined;
}

/**
 * v' = momentum v + g; w' = w - rate v', or with nesterov w - rate (g + momentum v').
 * @throws BitplaneError ERR_ARGUMENT
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const known: OptionNames<SgdOptions> = {
    rate: true,
    momentum: true,
    nesterov: true,
    decay: true,
  };
  requireOptions(options, known, { op: 'sgd' });
  const { rate = 0.1, momentum = 0, nesterov = false, decay = 0 } = options;
  requireNumbers('sgd', { rate, momentum, decay });
  return Object.freeze({
    name: 'sgd',
    rate,
    numbers: (now: number) => [now],
    step({ g, parameter, gradient, numbers: [now], moment }: Slot): Stepped {
      const slope = decayed(g, parameter, gradient, decay);
      const scaled = (x: Float) => g.sub(parameter, g.mul(x, now as Float));
      if (momentum === 0) return { next: scaled(slope), moments: [] };
      const velocity = moment('velocity');
      const faster = g.add(g.mul(velocity, momentum), slope);
      const direction = nesterov ? g.add(slope, g.mul(faster, momentum)) : faster;
      return { next: scaled(direction), moments: [[velocity, faster]] };
    },
  });
}

/** The numbers of Adam and AdamW. */
export interface AdamOptions {
  /** Default 1e-3. */
  readonly rate?: number | undefined;
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number] | undefined;
  /** Default 1e-8. */
  readonly epsilon?: number | undefined;
  /** Times the parameter, added to its gradient; of AdamW times the rate, taken from it. */
  readonly decay?: number | undefined;
}

/**
 * Kingma and Ba, ICLR 2015, arXiv 1412.6980.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return adamOf('adam', options, 0);
}

/**
 * Adam whose decay leaves the moments alone. Loshchilov and Hutter, ICLR 2019, arXiv 1711.05101.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function adamW(options: AdamOptions = {}): Optimizer {
  return adamOf('adamW', options, 0.01);
}

function adamOf(name: 'adam' | 'adamW', options: AdamOptions, usualDecay: number): Optimizer {
  const apart = name === 'adamW';
  const known: OptionNames<AdamOptions> = { rate: true, betas: true, epsilon: true, decay: true };
  requireOptions(options, known, { op: name });
  const { rate = 1e-3, betas: [first, second] = [0.9, 0.999], epsilon = 1e-8 } = options;
  const { decay = usualDecay } = options;
  requireNumbers(name, { rate, first, second, epsilon, decay });
  return Object.freeze({
    name,
    rate,
    numbers: (now: number, step: number) => [
      now / (1 - first ** step),
      Math.sqrt(1 - second ** step),
      1 - now * decay,
    ],
    step({ g, parameter, gradient, numbers, moment }: Slot): Stepped {
      const [size, root, kept] = numbers as [Float, Float, Float];
      const slope = apart ? gradient : decayed(g, parameter, gradient, decay);
      const [mean, square] = [moment('mean'), moment('square')];
      const nextMean = g.add(g.mul(mean, first), g.mul(slope, 1 - first));
      const nextSquare = g.add(g.mul(square, second), g.mul(g.mul(slope, slope), 1 - second));
      const spread = g.add(g.div(g.sqrt(nextSquare), root), epsilon);
      const from = apart && decay !== 0 ? g.mul(parameter, kept) : parameter;
      return {
        next: g.sub(from, g.mul(g.div(nextMean, spread), size)),
        moments: [
          [mean, nextMean],
          [square, nextSquare],
        ],
      };
    },
  });
}

/** The numbers of RMSprop. */
export interface RmsPropOptions {
  /** Default 0.01. */
  readonly rate?: number | undefined;
  /** How much of the mean square is kept. Default 0.99. */
  readonly smoothing?: number | undefined;
  /** Default 1e-8. */
  readonly epsilon?: number | undefined;
  /** Default 0. */
  readonly momentum?: number | undefined;
  /** Times the parameter, added to its gradient. Default 0. */
  readonly decay?: number | undefined;
}

/**
 * w' = w - rate g / (sqrt(mean of g^2) + epsilon). Tieleman and Hinton, 2012.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function rmsProp(options: RmsPropOptions = {}): Optimizer {
  const known: OptionNames<RmsPropOptions> = {
    rate: true,
    smoothing: true,
    epsilon: true,
    momentum: true,
    decay: true,
  };
  requireOptions(options, known, { op: 'rmsProp' });
  const { rate = 0.01, smoothing = 0.99, epsilon = 1e-8, momentum = 0, decay = 0 } = options;
  requireNumbers('rmsProp', { rate, smoothing, epsilon, momentum, decay });
  return Object.freeze({
    name: 'rmsProp',
    rate,
    numbers: (now: number) => [now],
    step({ g, parameter, gradient, numbers: [now], moment }: Slot): Stepped {
      const slope = decayed(g, parameter, gradient, decay);
      const square = moment('square');
      const nextSquare = g.add(g.mul(square, smoothing), g.mul(g.mul(slope, slope), 1 - smoothing));
      const direction = g.div(slope, g.add(g.sqrt(nextSquare), epsilon));
      const kept: Update = [square, nextSquare];
      const scaled = (x: Float) => g.sub(parameter, g.mul(x, now as Float));
      if (momentum === 0) return { next: scaled(direction), moments: [kept] };
      const velocity = moment('velocity');
      const faster = g.add(g.mul(velocity, momentum), direction);
      return { next: scaled(faster), moments: [kept, [velocity, faster]] };
    },
  });
}

/** The numbers of Bop, which flips binary weights. */
export interface BopOptions {
  /** How fast the mean of gradients follows them. Default 1e-4. */
  readonly rate?: number | undefined;
  /** The mean gradient at which a weight flips. Default 1e-8. */
  readonly threshold?: number | undefined;
}

/**
 * Bop: weights of -1 and +1 that flip where the mean gradient pushes against them strongly enough.
 * Helwegen et al., "Latent Weights Do Not Exist", NeurIPS 2019, arXiv 1906.02107.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function bop(options: BopOptions = {}): Optimizer {
  requireOptions(options, { rate: true, threshold: true }, { op: 'bop' });
  const { rate = 1e-4, threshold = 1e-8 } = options;
  requireNumbers('bop', { rate, threshold });
  return Object.freeze({
    name: 'bop',
    rate,
    numbers: (now: number) => [now, 1 - now],
    step({ g, parameter, gradient, numbers: [now, rest], moment }: Slot): Stepped {
      const mean = moment('mean');
      const nextMean = g.add(g.mul(mean, rest as Float), g.mul(gradient, now as Float));
      const bits = g.cast(g.sign(parameter), 'f32') as Float;
      const flips = g.gate(2, g.mul(nextMean, bits), { min: threshold });
      return { next: g.sub(bits, g.mul(flips, bits)), moments: [[mean, nextMean]] };
    },
  });
}

function decayed(g: GraphBuilder, parameter: Float, gradient: Float, decay: number): Float {
  return decay === 0 ? gradient : g.add(gradient, g.mul(parameter, decay));
}

/** Zeros of a shape: what a moment begins with. */
export function zerosOf(shape: readonly number[]): Tensor<'f32'> {
  return new Tensor('f32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
}

function requireNumbers(op: string, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value !== 'number' || !(value >= 0 && value < Infinity))
      throw expected('ERR_ARGUMENT', `${name} to be a number of 0 or more`, value, { op });
  }
}

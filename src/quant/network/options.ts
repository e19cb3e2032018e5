/**
 * The options of `quantizeGraph`, checked, and what they say of one layer. Not here: which layers a
 * graph has (./plan.ts).
 */
import {
  type Complete,
  type OptionNames,
  requireOneOf,
  requireOptions,
  unknownName,
} from '../../core/checks.js';
import { BitplaneError, expected } from '../../core/errors.js';
import type { Feeds } from '../../graph/feeds.js';
import type { SessionOptions } from '../../runtime/session-types.js';
import { type ObserverName, type ObserverOptions, observerOf } from '../observers/range-of.js';
import { parseQuantSpec, type QuantSpecLike, saysGranularity } from '../parse-spec.js';
import { type QuantSpec, quantSpec } from '../spec.js';
import type { WeightRange } from '../weights.js';

/** A number of bits, a spec, or 'float' for what stays as it is. */
export type QuantChoice = QuantSpecLike | 'float';

/** What a layer's weights and activations become. */
export interface LayerChoice {
  /** What its weights become. */
  readonly weights?: QuantChoice;
  /** What its input becomes. */
  readonly activations?: QuantChoice;
}

/** What the weights and activations of a network become, and by which pictures. */
export interface QuantizeOptions {
  /** A number n is 'intN-narrow': symmetric, as many codes below zero as above. */
  readonly weights: QuantChoice;
  /**
   * What products read. A number n is 'uintN-asymmetric'. Symmetric specs lose their sign where no
   * number is below 0. Default 'float': only weights are quantized.
   */
  readonly activations?: QuantChoice | undefined;
  /** A scale an output channel in all specs of weights that say no granularity themselves. */
  readonly perChannel?: boolean | undefined;
  /**
   * The first and the last products of the network, which read the input or give the output through
   * no other. A number is bits of weights and activations. 'same': as all others. Default 8.
   */
  readonly ends?: number | 'same' | undefined;
  /**
   * Bits of a map that a product and a sum both read, as the sum reads it; 'float' leaves it. The
   * map is then stored as bytes alone. Default 8.
   */
  readonly shortcuts?: number | 'float' | undefined;
  /** Other choices by the name of a product, or a pattern with * and ?; later ones count more. */
  readonly layers?: Readonly<Record<string, LayerChoice | 'float'>> | undefined;
  /** Inputs of the network, for the ranges of activations; each is run once. */
  readonly calibration?: Iterable<Feeds> | AsyncIterable<Feeds> | undefined;
  /** How ranges of activations are chosen. Default 'minmax'. */
  readonly observer?: ObserverName | ObserverOptions | undefined;
  /** How ranges of weights are chosen. Default: 'minmax' for 8 bits, 'mse' for fewer. */
  readonly weightRange?: WeightRange | undefined;
  /** For the runs of the calibration. */
  readonly session?: Pick<SessionOptions, 'threads' | 'isa' | 'signZero' | 'maxBytes'> | undefined;
}

const OPTIONS: OptionNames<QuantizeOptions> = {
  weights: true,
  activations: true,
  perChannel: true,
  ends: true,
  shortcuts: true,
  layers: true,
  calibration: true,
  observer: true,
  weightRange: true,
  session: true,
};
const SITE = { op: 'quantizeGraph' };

/** Undefined is 'float'. */
export interface LayerSpecs {
  readonly weights: QuantSpec | undefined;
  readonly activations: QuantSpec | undefined;
}

export interface Settings {
  readonly all: LayerSpecs;
  /** The first and the last products. */
  readonly ends: LayerSpecs;
  /** What a sum reads of a map that a product reads in fewer bits. */
  readonly shortcuts: QuantSpec | undefined;
  readonly observer: Complete<ObserverOptions>;
  weightRange(spec: QuantSpec): WeightRange;
  /** The choice for a product. @param isEnd it is one of the first or the last */
  layer(name: string, isEnd: boolean): LayerSpecs;
  /** @throws BitplaneError ERR_ARGUMENT for a pattern that no name of a product fits */
  requireUsed(names: readonly string[]): void;
}

/** @throws BitplaneError ERR_ARGUMENT */
export function settingsOf(options: QuantizeOptions): Settings {
  requireOptions(options, OPTIONS, SITE);
  const { perChannel = false, ends = 8, shortcuts = 8, layers = {}, weightRange } = options;
  if (typeof perChannel !== 'boolean')
    throw expected('ERR_ARGUMENT', 'perChannel to be true or false', perChannel, SITE);
  const { calibration } = options;
  if (calibration !== undefined && !isIterable(calibration))
    throw expected('ERR_ARGUMENT', 'calibration to be feeds that are iterated', calibration, SITE);
  if (weightRange !== undefined) requireOneOf(weightRange, ['minmax', 'mse'], 'weightRange', SITE);
  const weights = (choice: QuantChoice, option: string) =>
    within(option, () => weightSpec(choice, perChannel));
  const activations = (choice: QuantChoice, option: string) =>
    within(option, () => activationSpec(choice));
  const all: LayerSpecs = {
    weights: weights(options.weights, 'weights'),
    activations: activations(options.activations ?? 'float', 'activations'),
  };
  const wholeEnds: LayerSpecs =
    ends === 'same'
      ? all
      : {
          weights: all.weights && weights(ends, 'ends'),
          activations: all.activations && activations(ends, 'ends'),
        };
  requireOptions(layers, layers as never, SITE);
  const rules = Object.entries(layers).map(([pattern, choice]) => ({
    pattern,
    fits: patternOf(pattern),
    specs: layerSpecs(pattern, choice, { weights, activations }),
  }));
  return {
    all,
    ends: wholeEnds,
    shortcuts: all.activations && activations(shortcuts, 'shortcuts'),
    observer: observerOf(options.observer ?? 'minmax'),
    weightRange: (spec) => weightRange ?? (spec.bits === 8 ? 'minmax' : 'mse'),
    layer(name, isEnd) {
      const specs = { ...(isEnd ? wholeEnds : all) };
      for (const rule of rules) if (rule.fits(name)) Object.assign(specs, rule.specs);
      return specs;
    },
    requireUsed(names) {
      const unused = rules.find(({ fits }) => !names.some(fits));
      if (unused !== undefined) throw unknownName('layers of', unused.pattern, names, SITE);
    },
  };
}

function layerSpecs(
  pattern: string,
  choice: LayerChoice | 'float',
  specOf: Readonly<Record<keyof LayerSpecs, SpecOf>>,
): Partial<LayerSpecs> {
  if (choice === 'float') return { weights: undefined, activations: undefined };
  requireOptions(choice, { weights: true, activations: true }, { ...SITE, node: pattern });
  const specs: Partial<Record<keyof LayerSpecs, QuantSpec | undefined>> = {};
  for (const part of ['weights', 'activations'] as const) {
    const own = choice[part];
    if (own !== undefined) specs[part] = specOf[part](own, `${part} of layers "${pattern}"`);
  }
  return specs;
}

type SpecOf = (choice: QuantChoice, option: string) => QuantSpec | undefined;

/** What a choice is wrong in is said with the option that it was given for. */
function within<T>(option: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof BitplaneError)) throw error;
    const { op, node } = error;
    const site = node === undefined ? `${op}: ` : `${op} "${node}": `;
    const sentence = error.message.startsWith(site)
      ? error.message.slice(site.length)
      : error.message;
    throw new BitplaneError(error.code, `${option}: ${sentence}`, { ...SITE, cause: error });
  }
}

function weightSpec(choice: QuantChoice, perChannel: boolean): QuantSpec | undefined {
  if (choice === 'float') return undefined;
  const spec = parseQuantSpec(choice);
  return quantSpec({
    ...spec,
    ...(typeof choice === 'number' && { narrow: spec.scheme === 'symmetric' }),
    ...(perChannel &&
      spec.granularity === 'tensor' &&
      !saysGranularity(choice) && { granularity: 'channel' }),
  });
}

function activationSpec(choice: QuantChoice): QuantSpec | undefined {
  if (choice === 'float') return undefined;
  const spec = parseQuantSpec(
    typeof choice === 'number' ? { bits: choice, signed: false, scheme: 'asymmetric' } : choice,
  );
  if (spec.scheme !== 'symmetric' && spec.scheme !== 'asymmetric')
    throw expected(
      'ERR_ARGUMENT',
      'activations that are symmetric or asymmetric',
      spec.scheme,
      SITE,
    );
  if (spec.granularity !== 'tensor')
    throw expected('ERR_ARGUMENT', 'one scale for activations', spec.granularity, SITE);
  return spec;
}

function isIterable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

/** * stands for any characters, ? for one. */
function patternOf(pattern: string): (name: string) => boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const regex = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
  return (name) => regex.test(name);
}

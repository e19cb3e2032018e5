/**
 * A network trained further with its weights on the grid of block floats, so that few bits of
 * mantissa are enough: `fuse` then takes its weights as they are. Not here: the grid (./grid.ts).
 */
import { type OptionNames, requireOneOf, requireOptions } from '../core/checks.js';
import { requirePictureSet } from '../data/picture-set.js';
import { withRecipe } from '../data/recipe.js';
import { type Graph, topological } from '../graph/value.js';
import { networkDigest } from '../methods/epochs.js';
import { parameterOf } from '../nn/graph-model.js';
import type { Float } from '../nn/scope.js';
import { constant } from '../ops/make.js';
import { channelsLast } from '../passes/index.js';
import { rewrite } from '../passes/rewrite.js';
import { requireMantissaBits } from '../quant/formats/block-float.js';
import type { Tensor } from '../tensor/tensor.js';
import type { EpochRecord } from '../train/history.js';
import { adam, sgd } from '../train/optimizer.js';
import { sharedLayers } from './architecture.js';
import { EXPONENT_RULES, type ExponentRule } from './choices.js';
import { type GridOptions, gridExponents, gridValues, gridWeights } from './grid.js';
import { PHASE_OPTIONS, type PhaseOptions, Phases, type TaskPictures } from './phases.js';

/** How a network is trained so that its weights lie on the grid of block floats. */
export interface FineTuneOptions extends Omit<PhaseOptions, 'batchSize' | 'seed'>, GridOptions {
  /** Pictures of the network's size and colours, of its classes. */
  readonly pictures: TaskPictures;
  /** Default 10. */
  readonly epochs?: number | undefined;
  /** Default 128. */
  readonly batchSize?: number | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Whether the exponents that weights share stay, or are trained. Default 'frozen'. */
  readonly exponents?: ExponentRule | undefined;
  /** Whether the network learns from its float self, beside the labels. Default false. */
  readonly distill?: boolean | undefined;
}

export const FINE_TUNE_EPOCHS = 10;

const OPTIONS: OptionNames<FineTuneOptions> = {
  bits: true,
  granularity: true,
  pictures: true,
  epochs: true,
  ...PHASE_OPTIONS,
  exponents: true,
  distill: true,
};

const SITE = { op: 'fineTune' };
const EXPONENT = '.exponent';
const RATES = { weights: 0.01, exponents: 1e-3 };

/**
 * The network with the weights of all layers but its last on the grid; its other numbers are
 * trained with them.
 * @throws BitplaneError ERR_ARGUMENT, ERR_UNSUPPORTED for a network without float weights before
 * its last layer, and what `fit` throws
 */
export async function fineTune(
  given: Graph,
  options: FineTuneOptions,
): Promise<{ readonly graph: Graph; readonly history: readonly EpochRecord[] }> {
  requireOptions(options, OPTIONS, SITE);
  const { bits, granularity, pictures, exponents = 'frozen', distill = false } = options;
  const { epochs = FINE_TUNE_EPOCHS, batchSize = 128, seed = 0, ...rest } = options;
  requireMantissaBits(bits, 'bits', SITE);
  requireOneOf(exponents, EXPONENT_RULES, 'exponents', SITE);
  requirePictureSet(pictures?.train, 'fineTune');
  requirePictureSet(pictures?.test, 'fineTune');
  const graph = channelsLast(given);
  const grid = { bits, granularity };
  const layers = sharedLayers([{ task: 'network', graph }]);
  const names = new Set(layers.flatMap(({ dtype, name }) => (dtype === 'f32' ? [name] : [])));
  const found = new Map(
    topological(graph)
      .filter(({ op, name }) => op === 'constant' && names.has(name))
      .map(({ name, data }) => [name, gridExponents(data as Tensor<'f32'>, grid)] as const),
  );
  const { preprocess, augment, threads, checkpoint, resume, signal, onStep, onEpoch } = rest;
  const phases = new Phases({
    ...{ preprocess, batchSize, seed, augment, threads, checkpoint, resume, signal },
    ...(onStep && { onStep }),
    ...(onEpoch && { onEpoch }),
  });
  await phases.begin(['grid']);
  const isExponent = ({ name }: { readonly name: string }) => name.endsWith(EXPONENT);
  const weightsOptimizer = sgd({ rate: RATES.weights, momentum: 0.9, nesterov: true });
  const state = await phases.run({
    name: 'grid',
    graph,
    pictures,
    epochs,
    teacher: distill ? graph : undefined,
    about: { ...grid, exponents, distill, network: networkDigest(graph) },
    optimizer: [
      { takes: (parameter) => !isExponent(parameter), optimizer: weightsOptimizer },
      { takes: isExponent, optimizer: adam({ rate: RATES.exponents }) },
    ],
    weights(scope, w) {
      const begin = found.get(w.name);
      if (begin === undefined) return undefined;
      const { g } = scope;
      const name = w.name + EXPONENT;
      const exponent =
        exponents === 'frozen'
          ? g.constant(begin, { name })
          : scope.parameter(name, begin.shape, 'range', (out) => out.set(begin.data));
      const trained = parameterOf(scope, w.name, w, 'weight');
      return gridWeights(g, `${w.name}.grid`, trained, exponent as Float, grid);
    },
  });
  const tuned = rewrite(graph, (value, { original }) => {
    const learned = original.op === 'constant' ? state[original.name] : undefined;
    if (learned === undefined) return undefined;
    const begin = found.get(original.name);
    const exponent = begin && (state[original.name + EXPONENT] ?? begin);
    return constant(value.name, exponent ? gridValues(learned, exponent, grid) : learned);
  });
  const labels = pictures.train.classes;
  return {
    graph: withRecipe(tuned, { preprocess, labels, source: 'the network' }),
    history: phases.history,
  };
}

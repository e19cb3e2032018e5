/**
 * Pictures that a network's own batch norms ask for: noise, moved by gradients until its maps have
 * the statistics that the batch norms remember. Cai et al., "ZeroQ", CVPR 2020, arXiv 2001.00281,
 * section 3.1. A step is one program whose state is the pictures. Not here: the loss
 * (./statistics-loss.ts), what pictures are used for (./zeroq.ts).
 */
import {
  type OptionNames,
  requireOneOf,
  requireOptions,
  requireSignal,
} from '../../core/checks.js';
import { BitplaneError, expected } from '../../core/errors.js';
import { elementCount, sameShape, showShape } from '../../core/shape.js';
import type { Graph, Value } from '../../graph/value.js';
import { fillNormal, randomStream } from '../../nn/random.js';
import { GraphBuilder } from '../../ops/builder.js';
import { GraphSession } from '../../runtime/session.js';
import type { SessionOptions } from '../../runtime/session-types.js';
import { StateStore } from '../../runtime/state-store.js';
import { isTensorLike, Tensor, type TensorLike } from '../../tensor/tensor.js';
import { adam, type Optimizer } from '../../train/optimizer.js';
import { batchShape, type Observed, observed, seenBy } from '../norms.js';
import { byName, numbersOf, optimized } from '../optimized.js';
import { plateau } from './plateau.js';
import { type StatisticsOver, statisticsLoss } from './statistics-loss.js';

type Float = Value<'f32'>;

/** How many pictures are distilled, and for how long. */
export interface DistillOptions {
  /** How many pictures. Default 32. */
  readonly count?: number | undefined;
  /** Default 500. */
  readonly steps?: number | undefined;
  /** Of Adam at first; it falls by ten where the loss stays for 100 steps. Default 0.5. */
  readonly rate?: number | undefined;
  /** Default 'batch', the paper's; 'sample' is the release's. */
  readonly statistics?: StatisticsOver | undefined;
  /** Of the noise that pictures begin with. Default 0. */
  readonly seed?: number | undefined;
  /** What pictures begin with. Default: normal noise. */
  readonly start?: TensorLike<'f32'> | undefined;
  /** Of the sessions that run the network. */
  readonly session?: Pick<SessionOptions, 'threads' | 'isa' | 'maxBytes'> | undefined;
  /** Stops it: the promise is rejected with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each step, counted from 1. */
  onStep?(step: number, loss: number): void;
}

const OPTIONS: OptionNames<DistillOptions> = {
  count: true,
  steps: true,
  rate: true,
  statistics: true,
  seed: true,
  start: true,
  session: true,
  signal: true,
  onStep: true,
};
const SITE = { op: 'distill' };
const PICTURES = 'pictures';

/** Pictures that were distilled from batch norms, and how well they fit. */
export interface Distilled {
  /** As the network's input takes them. */
  readonly pictures: Tensor<'f32'>;
  /** Before each step. */
  readonly losses: Float64Array;
}

/**
 * Pictures made from noise whose statistics are those of the batch norms: data for networks that
 * come without.
 * @throws BitplaneError ERR_ARGUMENT for options and inputs; ERR_UNSUPPORTED for a network without
 * batch norms, or with numbers that stop being finite; ERR_ABORTED
 */
export async function distill(graph: Graph, options: DistillOptions = {}): Promise<Distilled> {
  return await distillFrom(observed(graph, SITE), options);
}

/** The same of a network that was looked at before. */
export async function distillFrom(
  network: Observed,
  options: DistillOptions = {},
): Promise<Distilled> {
  checkDistill(options);
  const { count = 32, steps = 500, rate = 0.5, statistics = 'batch', seed = 0 } = options;
  const { session: runs = {}, signal, onStep } = options;
  const start = startOf(network, options.start, count, seed);
  const optimizer = adam({ rate });
  const graph = distillationStep(network, start, { statistics, optimizer });
  const states = new StateStore(graph);
  const session = GraphSession.fromGraph(graph, { ...runs, states });
  const losses = new Float64Array(steps);
  const next = plateau(rate);
  let now = rate;
  try {
    for (let step = 1; step <= steps; step++) {
      if (signal?.aborted) throw new BitplaneError('ERR_ABORTED', 'distilling was aborted', SITE);
      const { loss: number } = (await session.run(numbersOf(optimizer, now, step) as never, [
        'loss',
      ])) as unknown as { readonly loss: Tensor<'f32'> };
      const loss = number.data[0] as number;
      if (!Number.isFinite(loss))
        throw expected('ERR_UNSUPPORTED', `a finite loss in step ${step}`, loss, SITE);
      losses[step - 1] = loss;
      now = next(loss);
      onStep?.(step, loss);
    }
    return { pictures: states.get(PICTURES) as Tensor<'f32'>, losses };
  } finally {
    await session.release();
    states.release();
  }
}

/** @throws BitplaneError ERR_ARGUMENT naming the option */
export function checkDistill(options: DistillOptions): void {
  requireOptions(options, OPTIONS, SITE);
  const { count = 32, steps = 500, rate = 0.5, statistics = 'batch', seed = 0 } = options;
  for (const [name, value] of Object.entries({ count, steps }))
    if (!Number.isInteger(value) || value < 1)
      throw expected('ERR_ARGUMENT', `${name} to be a whole number of 1 or more`, value, SITE);
  if (!Number.isInteger(seed)) throw expected('ERR_ARGUMENT', 'seed to be whole', seed, SITE);
  if (!(typeof rate === 'number' && rate > 0 && rate < Infinity))
    throw expected('ERR_ARGUMENT', 'rate to be a number above 0', rate, SITE);
  requireOneOf(statistics, ['batch', 'sample'], 'statistics', SITE);
  requireSignal(options.signal, SITE);
}

function startOf(
  { input }: Observed,
  given: TensorLike<'f32'> | undefined,
  count: number,
  seed: number,
): Tensor<'f32'> {
  const shape = batchShape(input, count);
  if (given === undefined) {
    const data = new Float32Array(elementCount(shape));
    fillNormal(data, 1, randomStream(seed, PICTURES));
    return new Tensor('f32', data, shape);
  }
  if (!isTensorLike(given) || given.dtype !== 'f32' || !sameShape(given.shape, shape))
    throw expected(
      'ERR_SHAPE',
      `start of f32${showShape(shape)}`,
      isTensorLike(given) ? `${given.dtype}${showShape(given.shape)}` : given,
      SITE,
    );
  return Tensor.from(given) as Tensor<'f32'>;
}

/**
 * One step as a graph. Its states are `pictures` and the moments of the optimizer; inputs are the
 * numbers of the optimizer; outputs `loss`, and `terms`: those of `statisticsLoss`, in its order.
 */
export function distillationStep(
  network: Observed,
  start: Tensor<'f32'>,
  options: { readonly statistics: StatisticsOver; readonly optimizer: Optimizer },
): Graph {
  const { statistics, optimizer } = options;
  const g = new GraphBuilder();
  const pictures = g.state(start, { name: PICTURES }) as Float;
  const seen = seenBy(g, network, pictures, 'network');
  const { terms, loss } = statisticsLoss(g, network.norms, seen, statistics);
  const { inputs, updates } = optimized(g, loss, [pictures], optimizer);
  const all = g.concat(
    terms.map((term) => g.reshape(term, [1]) as Float),
    0,
  );
  return g.graph(inputs, { loss, terms: all }, { updates: byName(updates) });
}

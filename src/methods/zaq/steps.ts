/**
 * The two steps of ZAQ as graphs over one store of states: knowledge transfer, in which the network
 * in few bits learns what the float one answers to generated pictures, and discrepancy estimation,
 * in which the generator learns pictures that the two answer differently. Not here: when each runs
 * (./zaq.ts).
 */
import { type Graph, statesOf, type Update, type Value } from '../../graph/value.js';
import { GraphBuilder } from '../../ops/builder.js';
import type { Settings } from '../../quant/network/options.js';
import { Tensor } from '../../tensor/tensor.js';
import { meanAbsoluteError } from '../../train/losses.js';
import type { Optimizer } from '../../train/optimizer.js';
import { type GeneratorParts, generatedBy } from '../generator-graphs.js';
import { type Observed, seenBy } from '../norms.js';
import { byName, optimized } from '../optimized.js';
import { studentOver } from '../student.js';
import { UniformCoder, type UniformForm } from './coder.js';
import { relationDistance, releasedDistance } from './relations.js';

type Float = Value<'f32'>;

/** The weights of layers, and the sums of their distances since the weights were last made. */
export const LAYER_WEIGHTS = 'layers/weights';
export const LAYER_SUMS = 'layers/sums';

export interface ZaqParts extends GeneratorParts {
  readonly network: Observed;
  readonly settings: Settings;
  /** The maps that are compared, in the order in which they run. */
  readonly taps: readonly Value[];
  readonly batchSize: number;
  readonly codes: UniformForm;
  readonly perChannel: boolean;
  /** Whose statistics the student's batch norms take while training. */
  readonly norms: 'batch' | 'kept';
  /** 'paper': channel relation maps, layers weighed. 'release': attentions, layers alike. */
  readonly relations: 'paper' | 'release';
  /** Of the distance of maps beside that of answers. */
  readonly alpha: number;
  /** Of large activations, for the generator. */
  readonly beta: number;
}

/** What both steps begin with. */
function duel(parts: ZaqParts) {
  const { network, settings, taps, batchSize, codes, relations } = parts;
  const g = new GraphBuilder();
  const generated = generatedBy(g, parts, batchSize);
  const { noise, pictures, parameters: ofGenerator } = generated;
  const teacher = seenBy(g, network, pictures, 'teacher', taps);
  const coder = new UniformCoder(g, codes, parts.perChannel);
  const student = studentOver(g, network, pictures, {
    settings,
    coder,
    training: parts.norms === 'batch',
  });
  const distance = relations === 'paper' ? relationDistance : releasedDistance;
  const distances = g.concat(
    taps.map(
      ({ name }, i) => g.reshape(distance(g, student.at(name), teacher.taps[i]!), [1]) as Float,
    ),
    0,
  ) as Float;
  const weights = g.state(filled(taps.length, relations === 'paper' ? 1 / taps.length : 1), {
    name: LAYER_WEIGHTS,
  }) as Float;
  const answers = meanAbsoluteError(g, student.output, teacher.output);
  const maps = g.reduce(g.mul(weights, distances), 'sum', [0]);
  const discrepancy = g.add(answers, g.mul(maps, parts.alpha));
  const last = teacher.taps.at(-1) as Float;
  const large = g.reduce(g.abs(last), 'mean', [...last.shape.keys()]);
  const moved: readonly Update[] = [...generated.updates, ...student.updates];
  return { g, noise, ofGenerator, student, teacher, distances, answers, discrepancy, large, moved };
}

/**
 * Inputs of both: `noise` and the optimizer's numbers. Outputs: `loss`, `answers`, the distance of
 * the answers alone, `student` and `teacher`, what they answer.
 */
export function transferStep(parts: ZaqParts, optimizer: Optimizer): Graph {
  const { g, noise, student, teacher, distances, answers, discrepancy, moved } = duel(parts);
  const sums = g.state(filled(parts.taps.length, 0), { name: LAYER_SUMS }) as Float;
  const step = optimized(g, discrepancy, student.parameters, optimizer);
  const counted: Update = [sums, g.add(sums, distances)];
  return g.graph(
    [noise, ...step.inputs],
    { loss: discrepancy, answers, student: student.output, teacher: teacher.output },
    { updates: byName([...moved, ...step.updates, counted]) },
  );
}

/** The generator's: minus the discrepancy, minus the mean size of the last maps. */
export function estimationStep(parts: ZaqParts, optimizer: Optimizer): Graph {
  const { g, noise, ofGenerator, discrepancy, large, moved } = duel(parts);
  const loss = g.neg(g.add(discrepancy, g.mul(large, parts.beta)));
  const step = optimized(g, loss, ofGenerator, optimizer);
  return g.graph(
    [noise, ...step.inputs],
    { loss, discrepancy, large },
    { updates: byName([...moved, ...step.updates]) },
  );
}

/** A graph of nothing but the states of some graphs, for one store of all. */
export function statesOfAll(graphs: readonly Graph[]): Graph {
  const states = new Map(graphs.flatMap(statesOf).map((state) => [state.name, state] as const));
  const outputs = Object.fromEntries(states);
  return { inputs: [], outputs, outputNames: [...states.keys()] };
}

function filled(size: number, value: number): Tensor<'f32'> {
  return new Tensor('f32', new Float32Array(size).fill(value), [size]);
}

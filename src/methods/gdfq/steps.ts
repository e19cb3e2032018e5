/**
 * The steps of GDFQ as graphs: the generator's, the student's, and what only moves the ranges of
 * the student's maps. Not here: when each runs (./gdfq.ts).
 */
import type { Graph, Value } from '../../graph/value.js';
import { GraphBuilder } from '../../ops/builder.js';
import { crossEntropy } from '../../train/losses.js';
import type { Optimizer } from '../../train/optimizer.js';
import { type GeneratorParts, generatedBy } from '../generator-graphs.js';
import { type Observed, seenBy } from '../norms.js';
import { byName, optimized } from '../optimized.js';
import { type StudentOptions, studentOver } from '../student.js';
import { FollowingCoder } from './coder.js';
import { batchNormLoss, studentLoss } from './losses.js';

type Float = Value<'f32'>;

/** How much the statistics of batch norms count beside the classes. */
const STATISTICS_SHARE = 0.1;

export interface GeneratorStep extends GeneratorParts {
  readonly network: Observed;
  readonly classes: number;
  readonly batchSize: number;
}

/**
 * Inputs: `noise` [N, latent + classes] and the optimizer's numbers. Outputs: `pictures` as the
 * network takes them, what the network answers to them, `logits`, and the losses `loss`, `classes`
 * and `statistics`.
 */
export function generatorStep(parts: GeneratorStep, optimizer: Optimizer): Graph {
  const { network, classes, batchSize } = parts;
  const g = new GraphBuilder();
  const { noise, pictures, parameters, updates } = generatedBy(g, parts, batchSize);
  const width = noise.shape[1] as number;
  const seen = seenBy(g, network, pictures, 'teacher');
  const targets = g.slice(noise, [0, width - classes], [batchSize, width]) as Float;
  const ofClasses = crossEntropy(g, seen.output, targets);
  const statistics = batchNormLoss(g, network.norms, seen.maps);
  const loss = g.add(ofClasses, g.mul(statistics, STATISTICS_SHARE));
  const step = optimized(g, loss, parameters, optimizer);
  return g.graph(
    [noise, ...step.inputs],
    { pictures, logits: seen.output, loss, classes: ofClasses, statistics },
    { updates: byName([...updates, ...step.updates]) },
  );
}

export interface StudentStep extends Pick<StudentOptions, 'settings'> {
  readonly as: 'paper' | 'release';
  readonly network: Observed;
  readonly classes: number;
  /** The shape of a batch of pictures. */
  readonly shape: readonly number[];
}

/**
 * Inputs: `pictures`, `targets` and `teacher` [N, classes], `correction`, the optimizer's numbers.
 * Outputs: `loss`, `logits`. Batch norms keep the statistics of the float network; ranges of maps
 * stay.
 */
export function studentStep(parts: StudentStep, optimizer: Optimizer): Graph {
  const { network, classes, shape, settings, as } = parts;
  const g = new GraphBuilder();
  const pictures = g.input('pictures', 'f32', shape);
  const targets = g.input('targets', 'f32', [shape[0]!, classes]);
  const teacher = g.input('teacher', 'f32', [shape[0]!, classes]);
  const correction = g.input('correction', 'f32', []);
  const coder = new FollowingCoder(g, { as, follows: false, correction });
  const student = studentOver(g, network, pictures, { settings, coder });
  const loss = studentLoss(g, student.output, teacher, targets, as);
  const { inputs, updates } = optimized(g, loss, student.parameters, optimizer);
  return g.graph(
    [pictures, targets, teacher, correction, ...inputs],
    { loss, logits: student.output },
    { updates: byName(updates) },
  );
}

/** The student over `pictures`, which moves the ranges of its maps and nothing else. */
export function observingStep(parts: StudentStep): Graph {
  const { network, shape, settings, as } = parts;
  const g = new GraphBuilder();
  const pictures = g.input('pictures', 'f32', shape);
  const correction = g.input('correction', 'f32', []);
  const coder = new FollowingCoder(g, { as, follows: true, correction });
  const student = studentOver(g, network, pictures, { settings, coder });
  return g.graph(
    [pictures, correction],
    { logits: student.output },
    { updates: byName(student.updates) },
  );
}

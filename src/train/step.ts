/**
 * A training step as one graph: the network and its loss, the gradients, and what the optimizer
 * makes of the parameters. Parameters, running statistics and moments are its states, so a run of
 * it is a step. Not here: data, rates, epochs (./fit.ts).
 */
import { gradients } from '../autodiff/gradients.js';
import { type OptionNames, requireOptions, unknownName } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Dim } from '../core/shape.js';
import { type Graph, type Input, outputNamesOf, type Update, type Value } from '../graph/value.js';
import type { Built, Model } from '../nn/model.js';
import type { Parameter } from '../nn/scope.js';
import { checkState, requireModel, type StateLike } from '../nn/state.js';
import { GraphBuilder } from '../ops/builder.js';
import { inline } from '../ops/inline.js';
import { Tensor } from '../tensor/tensor.js';
import { type Optimizer, zerosOf } from './optimizer.js';

type Float = Value<'f32'>;

/** What a loss is made of. */
export interface LossParts {
  /** The graph of the step. */
  readonly g: GraphBuilder;
  /** The network's output, [batch, ...]. */
  readonly output: Float;
  /** What the output should be, of its shape: of a classifier the probability of each class. */
  readonly targets: Float;
  /** The result of a layer by its path. @throws BitplaneError ERR_ARGUMENT for an unknown path */
  layer(path: string): Float;
  /** The same of the teacher, where there is one. */
  readonly teacher?: { readonly output: Float; layer(path: string): Float };
}

/** One number from a network's output. */
export type Loss = (parts: LossParts) => Float;

/** Some parameters, and the optimizer that they have. */
export interface ParameterGroup {
  /** Which parameters; a parameter is in the first group that takes it. */
  takes(parameter: Parameter): boolean;
  /** Of these parameters. */
  readonly optimizer: Optimizer;
}

/** A model with its state, or a graph of one input and one output, such as an imported one. */
export type Teacher = (
  | { readonly model: Model; readonly state: StateLike }
  | { readonly graph: Graph }
) & {
  /** What the teacher is fed for x, the pictures as the student sees them. Default: x. */
  input?(g: GraphBuilder, x: Float): Float;
};

/** What a training step is made of. */
export interface TrainingStepOptions {
  /** Pictures a step. */
  readonly batchSize: Dim;
  /** What is made small. */
  readonly loss: Loss;
  /** One for all parameters, or groups. */
  readonly optimizer: Optimizer | readonly ParameterGroup[];
  /** A network whose output, and layers, the loss compares with; it is not trained. */
  readonly teacher?: Teacher | undefined;
  /** Parameters that stay as they are. Default none. Running statistics follow the batch. */
  frozen?(parameter: Parameter): boolean;
  /** What a step leaves of the parameter that an optimizer gives, such as a clip. */
  constraint?(parameter: Parameter): ((g: GraphBuilder, value: Float) => Float) | undefined;
  /** The most that the Euclidean norm of all gradients together may be. Default: any. */
  readonly clipNorm?: number | undefined;
  /**
   * Batches whose gradients make one step: their mean, as of one batch of all their pictures but
   * for batch norms, which see each batch by itself. Default 1.
   */
  readonly accumulate?: number | undefined;
}

const OPTIONS: OptionNames<TrainingStepOptions> = {
  batchSize: true,
  loss: true,
  optimizer: true,
  teacher: true,
  frozen: true,
  constraint: true,
  clipNorm: true,
  accumulate: true,
};

/** A training step as a graph over states, and what it needs to run. */
export interface TrainingStep {
  /**
   * Inputs: the model's own, `targets`, and one number each of `numbers`. Outputs: `loss`, and the
   * network's output under its own name. Updates: parameters, statistics, moments.
   */
  readonly graph: Graph;
  /**
   * With `accumulate`: what is run on all batches of a step but the last. It takes the feeds of
   * `graph` and shares its states, and adds to the sums of gradients, which `graph` then uses.
   */
  readonly gather?: Graph;
  /**
   * The feeds that tell every optimizer its rate, `factor` times its own, at a step counted from 1.
   */
  numbers(factor: number, step: number): Readonly<Record<string, Tensor<'f32'>>>;
  /** The names of the states that are the model's parameters; the others are moments. */
  readonly parameters: readonly string[];
}

/** Roles that a gradient changes; running statistics follow the batch. */
const LEARNED = new Set(['weight', 'bias', 'scale', 'shift', 'slope', 'range']);

/**
 * A step of training as a graph: loss, gradients, and the updates of parameters and statistics,
 * all in states.
 * @throws BitplaneError ERR_ARGUMENT naming a parameter that the loss does not depend on, or that
 * no group takes
 */
export function trainingStep(
  model: Model,
  state: StateLike,
  options: TrainingStepOptions,
): TrainingStep {
  requireOptions(options, OPTIONS, { op: 'trainingStep' });
  requireModel(model);
  const { loss, optimizer } = options;
  if (typeof loss !== 'function')
    throw expected('ERR_ARGUMENT', 'a loss, a function of its parts,', loss, {
      op: 'trainingStep',
    });
  if (optimizer === null || typeof optimizer !== 'object')
    throw expected('ERR_ARGUMENT', 'an optimizer, or groups of parameters', optimizer, {
      op: 'trainingStep',
    });
  const { accumulate = 1 } = options;
  if (!Number.isInteger(accumulate) || accumulate < 1)
    throw expected('ERR_ARGUMENT', 'accumulate to be a whole number of 1 or more', accumulate, {
      op: 'trainingStep',
    });
  checkState(model.parameters, state);
  const groups = groupsOf(optimizer);
  const forward = withLoss(model, state, options);
  const members = membersOf(model, forward, groups, options);
  return {
    graph: steppingGraph(model, forward, members, groups, options),
    ...(accumulate > 1 && { gather: gatheringGraph(model, state, groups, options) }),
    parameters: model.parameters.map(({ name }) => name),
    numbers: (factor, step) =>
      Object.fromEntries(
        groups.flatMap(({ optimizer }, group) =>
          optimizer
            .numbers(optimizer.rate * factor, step)
            .map((number, i) => [numberName(group, i), scalar(number)]),
        ),
      ),
  };
}

/** A network in training and its loss, before gradients. */
interface Forward {
  readonly g: GraphBuilder;
  readonly image: Input;
  readonly targets: Input;
  readonly built: Built;
  readonly loss: Float;
  readonly states: ReadonlyMap<string, Float>;
}

function withLoss(
  model: Model,
  state: StateLike,
  { batchSize, loss, teacher }: TrainingStepOptions,
): Forward {
  const g = new GraphBuilder();
  const shape = [batchSize, ...model.input.shape.slice(1)];
  const image = g.input(model.input.name, 'f32', shape);
  const targets = g.input('targets', 'f32', [batchSize, ...model.outputShape]);
  const states = new Map<string, Float>();
  const built = model.build(g, image, {
    training: true,
    leaf({ name }) {
      const value = g.state(state[name]!, { name });
      states.set(name, value as Float);
      return value as Float;
    },
  });
  const taught = teacher === undefined ? undefined : buildTeacher(g, image, teacher);
  const value = loss({
    g,
    output: built.output,
    targets,
    layer: layerOf(built),
    ...(taught && {
      teacher: { output: taught.output, layer: layerOf(taught, 'teacher/') },
    }),
  });
  return { g, image, targets, built, loss: value, states };
}

function buildTeacher(
  g: GraphBuilder,
  image: Float,
  teacher: Teacher,
): Pick<Built, 'output' | 'layers'> {
  const fed = teacher.input?.(g, image) ?? image;
  if ('graph' in teacher) {
    const { graph } = teacher;
    const [input] = graph.inputs;
    const [name] = outputNamesOf(graph);
    if (graph.inputs.length !== 1 || outputNamesOf(graph).length !== 1)
      throw expected('ERR_ARGUMENT', 'a teacher of one input and one output', graph.inputs.length, {
        op: 'teacher',
      });
    const outputs = inline(g, graph, { [input!.name]: fed }, 'teacher');
    return { output: outputs[name!] as Float, layers: [] };
  }
  const { model, state } = teacher;
  checkState(model.parameters, state);
  const path = 'teacher';
  return model.build(g, fed, {
    path,
    leaf: ({ name }) => g.constant(state[name.slice(path.length + 1)]!, { name }) as Float,
  });
}

function layerOf({ layers }: Pick<Built, 'layers'>, prefix = ''): (path: string) => Float {
  const byPath = new Map(layers.map(({ path, value }) => [path, value]));
  return (path) => {
    const value = byPath.get(prefix + path);
    if (value === undefined)
      throw unknownName('a layer of', path, [...byPath.keys()], { op: 'loss' });
    return value;
  };
}

/** A parameter that a step changes, and the group whose optimizer does it. */
interface Member {
  readonly parameter: Parameter;
  readonly group: number;
  readonly value: Float;
}

function membersOf(
  model: Model,
  { states }: Forward,
  groups: readonly ParameterGroup[],
  { frozen }: TrainingStepOptions,
): readonly Member[] {
  const trained = model.parameters.filter(
    (parameter) => LEARNED.has(parameter.role) && frozen?.(parameter) !== true,
  );
  return trained.map((parameter) => {
    const group = groups.findIndex(({ takes }) => takes(parameter));
    if (group < 0)
      throw expected('ERR_ARGUMENT', 'a group that takes every parameter', 'none', {
        op: 'optimizer',
        node: parameter.name,
      });
    return { parameter, group, value: states.get(parameter.name) as Float };
  });
}

const slopesOf = ({ g, loss }: Forward, members: readonly Member[]) =>
  gradients(
    g,
    loss,
    members.map(({ value }) => value),
  );

/** The sum of a parameter's gradients over the batches of a step, so far. */
const sumOf = ({ g }: Forward, { parameter: { name, shape } }: Member) =>
  g.state(zerosOf(shape), { name: `${name}.sum` }) as Float;

function graphWith(
  model: Model,
  { g, image, targets, built, loss }: Forward,
  numbers: readonly Input[],
  changes: readonly Update[],
): Graph {
  const updates = [...built.updates, ...changes].map(([{ name }, next]) => [name, next] as const);
  return g.graph(
    [image, targets, ...numbers],
    { loss, [model.output]: built.output },
    { updates: Object.fromEntries(updates) },
  );
}

/** What is run on all batches of a step but the last: it adds gradients to their sums. */
function gatheringGraph(
  model: Model,
  state: StateLike,
  groups: readonly ParameterGroup[],
  options: TrainingStepOptions,
): Graph {
  const forward = withLoss(model, state, options);
  const members = membersOf(model, forward, groups, options);
  const slopes = slopesOf(forward, members);
  const changes = members.map((member, i): Update => {
    const sum = sumOf(forward, member);
    return [sum, forward.g.add(sum, slopes[i] as Float)];
  });
  return graphWith(model, forward, numbersOf(forward, groups).flat(), changes);
}

/** What is run on the last batch of a step, or its only one: the optimizers change parameters. */
function steppingGraph(
  model: Model,
  forward: Forward,
  members: readonly Member[],
  groups: readonly ParameterGroup[],
  { clipNorm, constraint, accumulate = 1 }: TrainingStepOptions,
): Graph {
  const { g } = forward;
  const own = slopesOf(forward, members);
  const sums = accumulate === 1 ? [] : members.map((member) => sumOf(forward, member));
  const raw = own.map((slope, i) =>
    accumulate === 1 ? slope : g.mul(g.add(sums[i] as Float, slope as Float), 1 / accumulate),
  );
  const slopes = clipNorm === undefined ? raw : clipped(g, raw, clipNorm);
  const inputs = numbersOf(forward, groups);
  const changes = members.flatMap(({ parameter, group, value }, i): Update[] => {
    const { name, shape } = parameter;
    const { next, moments } = groups[group]!.optimizer.step({
      g,
      parameter: value,
      gradient: slopes[i] as Float,
      numbers: inputs[group]!,
      moment: (moment) => g.state(zerosOf(shape), { name: `${name}.${moment}` }) as Float,
    });
    const kept = constraint?.(parameter)?.(g, next) ?? next;
    return [[value, kept], ...moments];
  });
  const emptied = sums.map((sum, i): Update => {
    const { name, shape } = members[i]!.parameter;
    return [sum, g.constant(zerosOf(shape), { name: `${name}.zeros` }) as Float];
  });
  return graphWith(model, forward, inputs.flat(), [...changes, ...emptied]);
}

/** The inputs of each group's optimizer: one number each. */
function numbersOf({ g }: Forward, groups: readonly ParameterGroup[]) {
  return groups.map(({ optimizer: { numbers } }, group) =>
    numbers(0, 1).map((_, i) => g.input(numberName(group, i), 'f32', [])),
  );
}

function groupsOf(optimizer: Optimizer | readonly ParameterGroup[]): readonly ParameterGroup[] {
  return 'step' in optimizer ? [{ takes: () => true, optimizer }] : optimizer;
}

/** All gradients times the one factor that brings their norm to at most `most`. */
function clipped(g: GraphBuilder, slopes: readonly Float[], most: number): Float[] {
  if (!(most > 0))
    throw expected('ERR_ARGUMENT', 'clipNorm to be above 0', most, { op: 'trainingStep' });
  const squares = slopes.map((x) => g.reduce(g.mul(x, x), 'sum', [...x.shape.keys()]));
  const norm = g.sqrt(squares.reduce((a, b) => g.add(a, b)));
  const factor = g.min(g.div(most, g.add(norm, 1e-6)), 1);
  return slopes.map((x) => g.mul(x, factor));
}

function numberName(group: number, i: number): string {
  return `optimizer${group}.${i}`;
}

function scalar(value: number): Tensor<'f32'> {
  return new Tensor('f32', Float32Array.of(value), []);
}

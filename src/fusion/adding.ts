/**
 * What every way of adding a task shares: the store so far, the network that the task begins with,
 * its training, and the store with the task in it. Not here: the ways (./task-classifier.ts,
 * ./task-piggyback.ts, ./task-packnet.ts).
 */
import { withRecipe } from '../data/recipe.js';
import { type NamedWeights, type Store, storedTask } from '../formats/store/store.js';
import type { Graph, Value } from '../graph/value.js';
import { networkDigest } from '../methods/epochs.js';
import type { Float, Scope } from '../nn/scope.js';
import type { State } from '../nn/state.js';
import { constant } from '../ops/make.js';
import { rewrite } from '../passes/rewrite.js';
import type { Tensor } from '../tensor/tensor.js';
import type { EpochRecord } from '../train/history.js';
import type { AddTaskOptions } from './add-task.js';
import { withHead } from './head.js';
import { Phases } from './phases.js';
import { type Taking, type Template, templateOf, withTaking } from './trunk.js';

/** What adding a task gives. */
export interface AddedTask {
  /** The tasks before and the new one. */
  readonly store: Store;
  /** A record an epoch, through all phases. */
  readonly history: readonly EpochRecord[];
}

/** A network's place for a new task, its head drawn anew. */
export interface Begun extends Template {
  /** The numbers that the new task's weights begin with, by place. */
  readonly weights: readonly (Tensor<'f32'> | undefined)[];
}

export class Adding {
  readonly phases: Phases;
  readonly seed: number;
  readonly batchSize: number;
  readonly about: Readonly<Record<string, unknown>>;

  constructor(
    /** It changes where the trunk itself is trained. */
    public store: Store,
    readonly options: AddTaskOptions,
  ) {
    const { batchSize = 128, seed = 0, preprocess, augment, threads } = options;
    const { checkpoint, resume, signal, onStep, onEpoch } = options;
    this.seed = seed;
    this.batchSize = batchSize;
    this.phases = new Phases({
      preprocess,
      batchSize,
      seed,
      augment,
      threads,
      checkpoint,
      resume,
      signal,
      ...(onStep && { onStep }),
      ...(onEpoch && { onEpoch }),
    });
    const { method, task, kind, norms, prune: share, distill } = options;
    const trunk = networkDigest(templateOf(store).graph);
    this.about = { method, task, trunk, kind, norms, prune: share, distill };
  }

  /** @param weights what products compute with at first; default what the template has */
  begun(template: Template, weights?: readonly (Tensor<'f32'> | undefined)[]): Begun {
    const { pictures, preprocess } = this.options;
    const { classes } = pictures.train;
    const graph = withHead(template.graph, classes.length, this.seed);
    const source = 'the trunk';
    return {
      ...template,
      graph: withRecipe(graph, { preprocess, labels: classes, source }),
      weights: weights ?? this.store.weights.map(() => undefined),
    };
  }

  /** What products compute with in place of weights that tasks share; others are parameters. */
  inPlace(
    { shared, weights }: Begun,
    make: (scope: Scope, w: Value<'f32'>, values: Tensor<'f32'>, place: number) => Float,
  ) {
    return (scope: Scope, w: Value<'f32'>) => {
      const place = shared.get(w.name);
      const values = place === undefined ? undefined : weights[place];
      return values && make(scope, w, values, place as number);
    };
  }

  /** The store with the new task. */
  added(
    { graph, shared }: Begun,
    state: State,
    take: (constant: string, place: number) => Taking,
  ): AddedTask {
    const { task } = this.options;
    const { store } = this;
    const names = new Map([...shared].map(([name, place]) => [place, name]));
    const weights = store.weights.map(({ name, weights: own }, place): NamedWeights => {
      const constantName = names.get(place) as string;
      return { name, weights: withTaking(own, take(constantName, place), store.tasks.length) };
    });
    const last = storedTask(task, withNumbers(graph, state), shared);
    return {
      store: { ...store, tasks: [...store.tasks, last], weights },
      history: this.phases.history,
    };
  }
}

/** The constants of a network that a training gave other numbers. */
export function withNumbers(graph: Graph, state: State): Graph {
  return rewrite(graph, (value, { original }) => {
    const learned = original.op === 'constant' ? state[original.name] : undefined;
    return learned && constant(value.name, learned);
  });
}

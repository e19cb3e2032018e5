/**
 * A generator of pictures in graphs: in training, over states that a step changes, and as it is,
 * over the states of such a step. Not here: its layers (./generator.ts), what trains it.
 */
import { type Graph, type Input, statesOf, type Update, type Value } from '../graph/value.js';
import type { Model } from '../nn/model.js';
import type { State } from '../nn/state.js';
import { GraphBuilder } from '../ops/builder.js';
import type { PictureForm } from './norms.js';

type Float = Value<'f32'>;

/** What its states are named under, beside a network's own names: one checkpoint holds both. */
const GENERATOR = 'generator';
/** Roles of parameters that a gradient changes. */
const LEARNED = new Set(['weight', 'bias', 'scale', 'shift']);

/** A generator, what it begins with, and how a network takes its pictures. */
export interface GeneratorParts {
  readonly form: PictureForm;
  readonly model: Model;
  readonly state: State;
}

export interface Generated {
  /** The input of the graph, [batch, numbers of the noise]. */
  readonly noise: Input<'noise', 'f32'>;
  /** As the network takes them. */
  readonly pictures: Float;
  readonly parameters: readonly Float[];
  /** Of the running statistics of batch norms. */
  readonly updates: readonly Update[];
}

/** The generator in training, in a graph that has an input `noise` then. */
export function generatedBy(
  g: GraphBuilder,
  { form, model, state }: GeneratorParts,
  batchSize: number,
): Generated {
  const noise = g.input('noise', 'f32', [batchSize, model.input.shape[1] as number]);
  const parameters: Float[] = [];
  const { output, updates } = model.build(g, noise, {
    path: GENERATOR,
    training: true,
    leaf({ name, role }) {
      const value = g.state(state[name.slice(GENERATOR.length + 1)]!, { name }) as Float;
      if (LEARNED.has(role)) parameters.push(value);
      return value;
    },
  });
  return { noise, pictures: form.fed(g, output), parameters, updates };
}

/** The generator as it is, over the states of its step: `noise` to `pictures`. */
export function generating(
  { form, model }: Pick<GeneratorParts, 'form' | 'model'>,
  step: Graph,
  count: number,
): Graph {
  const states = new Map(statesOf(step).map((state) => [state.name, state]));
  const g = new GraphBuilder();
  const noise = g.input('noise', 'f32', [count, model.input.shape[1] as number]);
  const { output } = model.build(g, noise, {
    path: GENERATOR,
    leaf: ({ name }) => states.get(name) as Float,
  });
  return g.graph([noise], { pictures: form.fed(g, output) });
}

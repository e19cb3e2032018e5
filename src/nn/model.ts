/**
 * A model: an input, a layer, and their parameters. Building it checks every shape; a state makes
 * it a graph.
 *
 *   const input = { name: 'image', shape: ['N', 32, 32, 3] };
 *   const net = nn.model({ input }, nn.sequential([...]));
 *   const session = Session.fromGraph(net.graph(net.init(1)));
 *
 * Not here: training, files.
 */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Shape } from '../core/shape.js';
import type { Graph, Input, Update, Value } from '../graph/value.js';
import { GraphBuilder } from '../ops/builder.js';
import { constant, input as inputLeaf } from '../ops/make.js';
import { type Applied, type Building, type Layer, type Parameter, Scope } from './scope.js';
import { checkState, initialState, type State, type StateLike } from './state.js';
import { type Cost, costOf, type LayerSummary, layerSummaries, summaryTable } from './summary.js';

/** The input of a model: its name and its shape. */
export interface ModelInput<N extends string> {
  /** What feeds call it. */
  readonly name: N;
  /** [batch, ...]; the batch is usually the symbol 'N'. A picture is [N, H, W, C]. */
  readonly shape: Shape;
}

/** What a model takes, and what its output is called. */
export interface ModelOptions<N extends string, O extends string> {
  /** What the model takes. */
  readonly input: ModelInput<N>;
  /** Name of the output. Default 'logits'. */
  readonly output?: O | undefined;
}

/** The graph type of a model: one input and one output of f32, by their names. */
export type ModelGraph<N extends string = string, O extends string = string> = Graph<
  readonly [Input<N, 'f32', Shape>],
  Readonly<Record<O, Value<'f32'>>>
>;

/** Which graph is built of a model: for inference or in training. */
export interface BuildOptions {
  /** The value of a parameter: a state, a constant, or anything computed. */
  leaf(parameter: Parameter): Value<'f32'>;
  /**
   * Whether layers are in training, all of them or by their paths: batch norms then take the
   * statistics of the batch and update the running ones, quantizers give values with a gradient.
   * Default false.
   */
  readonly training?: boolean | ((path: string) => boolean) | undefined;
  /** The share of a batch in the running statistics. Default: the `momentum` of each batch norm. */
  readonly share?: Value<'f32'> | undefined;
  /** What the names of layers and parameters begin with, so that a graph can hold two models. */
  readonly path?: string | undefined;
}

/** A model within a graph. */
export interface Built {
  /** What the layers give. */
  readonly output: Value<'f32'>;
  /** In the order in which the layers asked for them. */
  readonly parameters: readonly Parameter[];
  /** What a run makes of running statistics; empty unless in training. */
  readonly updates: readonly Update[];
  /** Every layer with its path and its result. */
  readonly layers: readonly Applied[];
}

interface Traced {
  readonly g: GraphBuilder;
  readonly input: Input<string, 'f32', Shape>;
  readonly output: Value<'f32'>;
  readonly parameters: readonly Parameter[];
  readonly applied: readonly Applied[];
}

/**
 * A network of layers with one input: shapes of its parameters, initial states, graphs, a summary.
 */
export class Model<N extends string = string, O extends string = string> {
  /** What it takes. */
  readonly input: ModelInput<N>;
  /** What its output is called. */
  readonly output: O;
  /** In the order in which the layers declare them. */
  readonly parameters: readonly Parameter[];
  /** Without the batch. */
  readonly outputShape: Shape;
  private readonly layer: Layer;

  /**
   * Applies the layer to an input once, which fixes the parameters and their shapes.
   * @throws BitplaneError ERR_SHAPE and its like, naming the layer that does not fit
   */
  constructor(options: ModelOptions<N, O>, layer: Layer) {
    requireOptions(options, { input: true, output: true }, { op: 'model' });
    if (!Array.isArray(options.input?.shape))
      throw expected('ERR_ARGUMENT', 'input with a name and a shape', options.input, {
        op: 'model',
      });
    requireOptions(options.input, { name: true, shape: true }, { op: 'model' });
    this.input = Object.freeze({
      name: options.input.name,
      shape: Object.freeze([...options.input.shape]),
    });
    this.output = (options.output ?? 'logits') as O;
    this.layer = layer;
    const traced = this.trace(this.input.shape, standIn);
    this.parameters = Object.freeze([...traced.parameters]);
    this.outputShape = traced.output.shape.slice(1);
  }

  /** The parameters as their initializers give them. */
  init(seed = 0): State {
    return initialState(this.parameters, seed);
  }

  /**
   * The network as a graph, with these parameters as constants; weights that are quantized stand
   * there as bits.
   * @throws BitplaneError ERR_ARGUMENT listing everything in which the state does not fit;
   * ERR_UNSUPPORTED where a layer demands one bit and its input may be 0
   */
  graph(state: StateLike): ModelGraph<N, O> {
    checkState(this.parameters, state);
    const { g, input, output } = this.trace(
      this.input.shape,
      ({ name }) => constant(name, state[name]!) as Value<'f32'>,
    );
    return g.graph([input], { [this.output]: output }) as unknown as ModelGraph<N, O>;
  }

  /**
   * Applies the model to `x` in a graph that `g` builds: the way to put it into a training step,
   * beside another model, or behind computed weights.
   * @throws BitplaneError ERR_SHAPE and its like, naming the layer that does not fit
   */
  build(g: GraphBuilder, x: Value<'f32'>, options: BuildOptions): Built {
    requireOptions(
      options,
      { leaf: true, training: true, share: true, path: true },
      { op: 'model' },
    );
    const { leaf, training = false, share, path = '' } = options;
    const building: Building = {
      g,
      parameters: [],
      applied: [],
      updates: [],
      leaf,
      share,
      training: typeof training === 'function' ? training : () => training,
    };
    const output = new Scope(building, path).apply(this.layer, x);
    const { parameters, updates, applied } = building;
    return { output, parameters, updates, layers: applied };
  }

  /** One entry a layer that computes or holds parameters; numbers are for one image. */
  layers(): readonly LayerSummary[] {
    const { applied, output, parameters } = this.trace([1, ...this.input.shape.slice(1)], standIn);
    return layerSummaries(applied, parameters, output);
  }

  /** Operations of one image as the papers count them. */
  cost(): Cost {
    return costOf(this.layers());
  }

  /** The layers as a table: name, kind, shape, parameters, multiply-accumulates. */
  summary(): string {
    return summaryTable(this.layers());
  }

  private trace(shape: Shape, leaf: Building['leaf']): Traced {
    const g = new GraphBuilder();
    const building: Building = { g, parameters: [], applied: [], updates: [], leaf };
    const input = g.input(this.input.name as string, 'f32', shape);
    const output = new Scope(building).apply(this.layer, input);
    return { g, input, output, parameters: building.parameters, applied: building.applied };
  }
}

/** A stand-in for a parameter while only shapes matter. */
const standIn: Building['leaf'] = ({ name, shape }) => inputLeaf(name, 'f32', shape);

/**
 * A model of a layer: its input, its output, and the parameters within.
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE naming the layer that does not fit
 */
export function model<const N extends string, const O extends string = 'logits'>(
  options: ModelOptions<N, O>,
  layer: Layer,
): Model<N, O> {
  return new Model(options, layer);
}

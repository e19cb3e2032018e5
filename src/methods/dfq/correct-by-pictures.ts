/**
 * Empirical bias correction: the quantized network runs over pictures, and what each layer gives
 * more in the mean than the float one is taken from its bias, layer by layer in the order in which
 * they run, each behind those that are corrected. Nagel et al., ICCV 2019, arXiv 1906.04721,
 * appendix D. Pictures may be distilled (../zeroq/distill.ts). Not here: correction from the
 * statistics of batch norms (./correct-bias.ts).
 */
import { expected } from '../../core/errors.js';
import { type Graph, graphOf, topological, type Value } from '../../graph/value.js';
import { isOp } from '../../ops/index.js';
import { make, state } from '../../ops/make.js';
import { rewrite } from '../../passes/rewrite.js';
import { GraphSession } from '../../runtime/session.js';
import type { SessionOptions } from '../../runtime/session-types.js';
import { StateStore } from '../../runtime/state-store.js';
import { isTensorLike, Tensor, type TensorLike } from '../../tensor/tensor.js';
import type { Folded } from '../folded.js';
import { changeLayers, type Layer, layersOf } from '../layers.js';
import type { Corrected } from './correct-bias.js';

/** How both networks are run over the pictures. */
export interface PictureCorrectOptions {
  /** Threads, instruction set and memory of the runs. */
  readonly session?: Pick<SessionOptions, 'threads' | 'isa' | 'maxBytes'> | undefined;
  /** Called after each layer, counted from 1. */
  onLayer?(done: number, layers: number): void;
}

const SITE = { op: 'correctBiasByPictures' };

/**
 * The float network with the biases that its quantized form asks for.
 * @param quantize a float graph to the quantized one, whose values keep their names
 * @param pictures as the network's one input takes them
 * @throws BitplaneError ERR_ARGUMENT for pictures that are none, or another number of inputs;
 * ERR_FEED where pictures do not fit; ERR_UNSUPPORTED naming a layer whose means are not finite
 */
export async function correctBiasByPictures(
  folded: Folded,
  quantize: (graph: Graph) => Promise<Graph>,
  pictures: TensorLike<'f32'>,
  { session = {}, onLayer }: PictureCorrectOptions = {},
): Promise<Corrected> {
  const [input] = folded.graph.inputs;
  if (input === undefined || folded.graph.inputs.length !== 1)
    throw expected('ERR_ARGUMENT', 'a network of one input', folded.graph.inputs.length, SITE);
  if (!isTensorLike(pictures))
    throw expected('ERR_ARGUMENT', 'pictures as a tensor', pictures, SITE);
  const before = layersOf(folded.graph);
  // Every layer gets a bias: zeros where it has none.
  const biased = changeLayers(
    folded.graph,
    new Map(before.map(({ name, bias }) => [name, { bias }])),
  );
  const layers = layersOf(biased);
  const few = withBiasStates(await quantize(biased), layers);
  const states = new StateStore(few);
  const runs = {
    float: GraphSession.fromGraph(meansOf(biased, layers), session),
    few: GraphSession.fromGraph(meansOf(few, layers), { ...session, states }),
  };
  const corrections = new Map<string, Float64Array>();
  try {
    const feed = { [input.name]: pictures } as never;
    const wanted = (await runs.float.run(feed)) as unknown as Means;
    for (const [i, { name, bias }] of layers.entries()) {
      const given = ((await runs.few.run(feed, [name])) as unknown as Means)[name]!.data;
      const correction = Float64Array.from(wanted[name]!.data, (mean, c) => mean - given[c]!);
      if (!correction.every(Number.isFinite))
        throw expected('ERR_UNSUPPORTED', 'means of maps that are finite', 'others', {
          ...SITE,
          node: name,
        });
      const next = Float32Array.from(bias, (b, c) => b + correction[c]!);
      states.set(stateName(name), new Tensor('f32', next, [next.length]));
      corrections.set(name, correction);
      onLayer?.(i + 1, layers.length);
    }
  } finally {
    await runs.float.release();
    await runs.few.release();
    states.release();
  }
  const biases = before.map(
    ({ name, bias }) =>
      [name, { bias: bias.map((b, c) => b + corrections.get(name)![c]!) }] as const,
  );
  return {
    graph: changeLayers(folded.graph, new Map(biases)),
    statistics: folded.statistics,
    corrections,
    leftOut: [],
  };
}

/** One number an output channel, by the name of a layer. */
type Means = Readonly<Record<string, Tensor<'f32'>>>;

const stateName = (layer: string) => `${layer}.bias.state`;

/** The mean of each output channel of each layer, by the layer's name. */
function meansOf(graph: Graph, layers: readonly Layer[]): Graph {
  const ends = new Map(layers.map(({ name, end }) => [end.name, name]));
  const found = topological(graph).flatMap((value): [string, Value][] => {
    const layer = ends.get(value.name);
    if (layer === undefined || !isOp(value, 'add')) return [];
    const axes = [...value.shape.keys()].slice(0, -1);
    return [
      [layer, make('reduce', `${layer}.mean`, [value], { kind: 'mean', axes, keepDims: false })],
    ];
  });
  return graphOf(graph.inputs, found);
}

/** The biases that layers have become states, which a run reads. */
function withBiasStates(graph: Graph, layers: readonly Layer[]): Graph {
  const made = new Map(
    layers.map(({ name, bias, end }) => [
      end.name,
      state(stateName(name), new Tensor('f32', bias, [bias.length])),
    ]),
  );
  return rewrite(graph, (value) => {
    const own = made.get(value.name);
    if (own === undefined || !isOp(value, 'add')) return undefined;
    const product = value.inputs.find(({ op }) => op !== 'constant') as Value;
    return make('add', value.name, [product, own], {});
  });
}

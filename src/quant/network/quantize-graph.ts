/**
 * Post-training quantization of a network: graph -> graph. Batch norms go into weights; weights
 * become codes; maps become codes where products read them, by ranges that a calibration saw. What
 * comes back is an ordinary graph: codes are `cast`, scales and zero points arithmetic. Jacob et
 * al., CVPR 2018, arXiv 1712.05877. Not here: moving products into integers (src/passes), training
 * under quantization.
 */
import { BitplaneError } from '../../core/errors.js';
import type { Graph, Value } from '../../graph/value.js';
import { GraphBuilder } from '../../ops/builder.js';
import { make } from '../../ops/make.js';
import { absorbBatchNorms } from '../../passes/index.js';
import { rewrite } from '../../passes/rewrite.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type AffineParams, paramsOfRanges } from '../affine.js';
import { fakeQuantize } from '../fake-quantize.js';
import { groupsOf } from '../groups.js';
import type { Histogram } from '../observers/histogram.js';
import { rangeOf } from '../observers/range-of.js';
import { showQuantSpec } from '../parse-spec.js';
import { codesOf, type QuantSpec, quantSpec } from '../spec.js';
import { type CodedWeights, quantizeWeights, type WeightRange } from '../weights.js';
import { calibrate } from './calibrate.js';
import { type QuantizeOptions, settingsOf } from './options.js';
import { type Edge, type PlannedLayer, planOf } from './plan.js';
import {
  type ActivationReport,
  activationReport,
  type LayerReport,
  weightReport,
} from './report.js';

export interface Quantized {
  readonly graph: Graph;
  /** One entry a product with float weights, in the order in which they run. */
  readonly layers: readonly LayerReport[];
  /** Maps that sums read in other codes than a product does. */
  readonly shortcuts: readonly ActivationReport[];
}

/** A map in one spec: what a report says of it, and what stands for it in the new graph. */
interface CodedMap {
  readonly spec: QuantSpec;
  readonly params: AffineParams;
  readonly report: ActivationReport;
}

/**
 * The graph, quantized for inference. Layers whose weights are bits, and products of two computed
 * values, are left as they are. Biases stay float. A map of nothing but zeros has scale 1; one of a
 * constant has that constant as its greatest code. Results depend on the numbers of the calibration
 * alone, not on how they are cut into batches.
 * @throws BitplaneError ERR_ARGUMENT for options, a calibration without feeds, weights or maps that
 * are not finite (named); ERR_FEED for feeds that do not fit the graph
 */
export async function quantizeGraph(graph: Graph, options: QuantizeOptions): Promise<Quantized> {
  const settings = settingsOf(options);
  const prepared = absorbBatchNorms(graph);
  const plan = planOf(prepared, settings);
  const maps = [...plan.edges.keys()];
  const seen: ReadonlyMap<Value, Histogram> =
    maps.length === 0
      ? new Map()
      : await calibrate(prepared, maps, options.calibration ?? [], options.session);

  const coded = new Map<Edge, CodedMap>();
  for (const [map, edges] of plan.edges) {
    const bySpec = new Map<string, CodedMap>();
    for (const edge of edges) {
      const key = JSON.stringify(edge.spec);
      const known = bySpec.get(key) ?? codedMap(map, edge.spec, seen.get(map)!, settings.observer);
      bySpec.set(key, known);
      coded.set(edge, known);
    }
  }
  const weights = new Map<Value, CodedWeights>();
  for (const layer of plan.layers) {
    const found = codedWeights(layer, settings.weightRange);
    if (found !== undefined) weights.set(layer.product, found);
  }

  const edgesOf = new Map<Value, Edge[]>();
  for (const edge of coded.keys())
    edgesOf.set(edge.reader, [...(edgesOf.get(edge.reader) ?? []), edge]);
  const emitter = new Emitter();
  const quantized = rewrite(prepared, (value, { original }) => {
    const edges = edgesOf.get(original) ?? [];
    const own = weights.get(original);
    if (edges.length === 0 && own === undefined) return undefined;
    const inputs = [...value.inputs];
    for (const edge of edges)
      inputs[edge.index] = emitter.map(inputs[edge.index]!, coded.get(edge)!);
    if (own !== undefined) inputs[1] = own.emit(emitter.g, emitter.name(`${value.name}.weights`));
    return make(value.op, value.name, inputs, value.attrs);
  });
  return { graph: quantized, ...reports(plan.layers, plan.edges, coded, weights) };
}

/** Makes values in codes, each once. */
class Emitter {
  readonly g = new GraphBuilder();
  private readonly names = new Map<string, number>();
  private readonly made = new Map<Value, Map<CodedMap, Value>>();

  map(map: Value, coded: CodedMap): Value {
    const known = this.made.get(map) ?? new Map<CodedMap, Value>();
    this.made.set(map, known);
    const { spec, params } = coded;
    const value =
      known.get(coded) ??
      fakeQuantize(
        this.g,
        this.name(`${map.name}.${showQuantSpec(spec)}`),
        map as Value<'f32'>,
        spec,
        params,
        groupsOf('tensor', []),
      );
    known.set(coded, value);
    return value;
  }

  /** The name, or with a number where it is taken. */
  name(wanted: string): string {
    const count = (this.names.get(wanted) ?? 0) + 1;
    this.names.set(wanted, count);
    return count === 1 ? wanted : `${wanted}#${count}`;
  }
}

function codedMap(
  map: Value,
  asked: QuantSpec,
  seen: Histogram,
  observer: Parameters<typeof rangeOf>[2],
): CodedMap {
  // Half of the codes would stand for numbers that do not occur.
  const spec =
    asked.scheme === 'symmetric' && seen.min >= 0 ? quantSpec({ ...asked, signed: false }) : asked;
  const range = rangeOf(seen, spec, observer);
  const params = paramsOfRanges(spec, [range]);
  return { spec, params, report: activationReport(map, spec, seen, range, params, codesOf(spec)) };
}

function codedWeights(
  { product, specs }: PlannedLayer,
  rangeFor: (spec: QuantSpec) => WeightRange,
): CodedWeights | undefined {
  const spec = specs.weights;
  if (spec === undefined) return undefined;
  const w = (product.inputs[1] as Value).data as Tensor<'f32'>;
  try {
    return quantizeWeights(w, spec, rangeFor(spec));
  } catch (error) {
    if (!(error instanceof BitplaneError) || error.op !== 'quantize') throw error;
    const message = error.message.replace(/^quantize: /, '');
    throw new BitplaneError(error.code, message, {
      op: product.op,
      node: product.name,
      cause: error,
    });
  }
}

function reports(
  layers: readonly PlannedLayer[],
  edges: ReadonlyMap<Value, readonly Edge[]>,
  coded: ReadonlyMap<Edge, CodedMap>,
  weights: ReadonlyMap<Value, CodedWeights>,
): Pick<Quantized, 'layers' | 'shortcuts'> {
  const used = new Set<ActivationReport>();
  const rows = layers.map(({ product, specs, isEnd, reads }): LayerReport => {
    const edge = reads && edges.get(reads)!.find(({ spec }) => spec === specs.activations);
    const activations = edge === undefined ? null : coded.get(edge)!.report;
    if (activations !== null) used.add(activations);
    const own = weights.get(product);
    const w = (product.inputs[1] as Value).data as Tensor<'f32'>;
    return {
      name: product.name,
      op: product.op,
      isEnd,
      weights: own === undefined ? null : weightReport(w, own),
      activations,
    };
  });
  const all = new Set([...coded.values()].map(({ report }) => report));
  return { layers: rows, shortcuts: [...all].filter((report) => !used.has(report)) };
}

/**
 * A graph without batch norms, in codes: weights become codes; maps become codes where products
 * read them, by ranges that follow from how their numbers are distributed. Where that is known
 * from, a calibration or statistics, is the caller's. What comes back is an ordinary graph: codes
 * are `cast`, scales and zero points arithmetic. Not here: calibration (./calibrate.ts), moving
 * products into integers (src/passes).
 */
import { BitplaneError } from '../../core/errors.js';
import type { Graph, Value } from '../../graph/value.js';
import { GraphBuilder } from '../../ops/builder.js';
import { isOp } from '../../ops/index.js';
import { make } from '../../ops/make.js';
import { vector } from '../../passes/constants.js';
import { rewrite } from '../../passes/rewrite.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type AffineParams, paramsOfRanges, type Range } from '../affine.js';
import { constantCodes, fakeQuantize } from '../fake-quantize.js';
import { groupsOf } from '../groups.js';
import type { Histogram } from '../observers/histogram.js';
import { rangeOf } from '../observers/range-of.js';
import { showQuantSpec } from '../parse-spec.js';
import { codesOf, type QuantSpec, quantSpec } from '../spec.js';
import { type CodedWeights, quantizeWeights, type WeightRange } from '../weights.js';
import type { Settings } from './options.js';
import { type Edge, type Plan, type PlannedLayer, planOf } from './plan.js';
import {
  type ActivationReport,
  activationReport,
  type LayerReport,
  weightReport,
} from './report.js';

/** A quantized network, and a report of every layer. */
export interface Quantized {
  /** In few bits. */
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

/** Where the numbers come from that a quantized graph is made with. */
export interface Sources {
  /** How the numbers of each map are distributed; some must lie at both ends of its range. */
  seen(maps: readonly Value[]): Promise<ReadonlyMap<Value, Histogram>>;
  /** Default: what the observer of the settings takes of the histogram. */
  range?(map: Value, spec: QuantSpec, seen: Histogram): Range;
  /** Default, and where it gives undefined: `weightsOf`. */
  weights?(layer: PlannedLayer): CodedWeights | undefined;
}

/** A plan that was made of `prepared` before may be given. */
export async function quantizePrepared(
  prepared: Graph,
  settings: Settings,
  sources: Sources,
  plan: Plan = planOf(prepared, settings),
): Promise<Quantized> {
  const maps = [...plan.edges.keys()];
  const seen = await sources.seen(maps);
  const range =
    sources.range ??
    ((_map: Value, spec: QuantSpec, of: Histogram) => rangeOf(of, spec, settings.observer));
  const coded = new Map<Edge, CodedMap>();
  for (const [map, edges] of plan.edges) {
    const bySpec = new Map<string, CodedMap>();
    for (const edge of edges) {
      const key = JSON.stringify(edge.spec);
      const known = bySpec.get(key) ?? codedMap(map, edge.spec, seen.get(map)!, range);
      bySpec.set(key, known);
      coded.set(edge, known);
    }
  }
  const weights = new Map<Value, CodedWeights>();
  for (const layer of plan.layers) {
    const found = sources.weights?.(layer) ?? weightsOf(layer, settings.weightRange);
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
    const y = make(value.op, value.name, inputs, value.attrs);
    return own?.shift === undefined ? y : emitter.shifted(y, own.shift);
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

  /**
   * The product as if `shift[o]` were added to each weight of output o: x * (w + shift) = x * w +
   * shift (x * 1). So the weights keep their codes, and x * 1 is a sum of integers too.
   */
  shifted(product: Value, shift: Float32Array): Value {
    const { name, op, attrs } = product;
    const [x, w] = product.inputs as readonly [Value, Value];
    const [outputs, ...rest] = w.shape as readonly number[];
    const isOne = !isOp(product, 'conv2d') || product.attrs.groups === 1;
    const shape = [isOne ? 1 : outputs!, ...rest];
    const size = shape.reduce((product, dim) => product * dim, 1);
    const ones = constantCodes(
      this.g,
      this.name(`${name}.ones`),
      new Int8Array(size).fill(1),
      shape,
      quantSpec({ bits: 2 }),
      { scale: Float32Array.of(1), zero: Int32Array.of(0) },
      groupsOf('tensor', shape),
    );
    const sum = make(op, this.name(`${name}.sum`), [x, ones], attrs);
    const scaled = make('mul', this.name(`${name}.shift`), [sum, vector(`${name}.shifts`, shift)]);
    return make('add', this.name(`${name}.shifted`), [product, scaled]);
  }

  /** The name, or with a number where it is taken. */
  name(wanted: string): string {
    const count = (this.names.get(wanted) ?? 0) + 1;
    this.names.set(wanted, count);
    return count === 1 ? wanted : `${wanted}#${count}`;
  }
}

/** The spec for a map: where no number is below 0, half of signed codes would never occur. */
export function specOfMap(asked: QuantSpec, seen: Histogram): QuantSpec {
  return asked.scheme === 'symmetric' && seen.min >= 0
    ? quantSpec({ ...asked, signed: false })
    : asked;
}

function codedMap(
  map: Value,
  asked: QuantSpec,
  seen: Histogram,
  rangeFor: NonNullable<Sources['range']>,
): CodedMap {
  const spec = specOfMap(asked, seen);
  const range = rangeFor(map, spec, seen);
  const params = paramsOfRanges(spec, [range]);
  return { spec, params, report: activationReport(map, spec, seen, range, params, codesOf(spec)) };
}

/** The codes of a layer's weights in the layer's spec; undefined where they stay float. */
export function weightsOf(
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

/**
 * Products of a graph without batch norms as the methods see them: weights, a bias, and the way to
 * the product that reads the result. Not here: what a method changes (./dfq, ./aciq).
 */
import { type Graph, topological, type Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import { hasFloatWeights, onlyReaders } from '../passes/absorb-affines.js';
import { perChannel, vector } from '../passes/constants.js';
import { rewrite } from '../passes/rewrite.js';
import { Tensor } from '../tensor/tensor.js';

/** A product with constant float weights [O, kh, kw, I / groups] or [O, I], and its bias. */
export interface Layer {
  readonly product: Value;
  /** Of the product. */
  readonly name: string;
  readonly weights: Tensor<'f32'>;
  readonly groups: number;
  /** One number an output channel; zeros where the graph adds none. */
  readonly bias: Float32Array;
  /** The value that the layer's activation reads: the sum with the bias, or the product. */
  readonly end: Value;
}

/** The layers in the order in which they run. */
export function layersOf(graph: Graph): readonly Layer[] {
  const readers = onlyReaders(graph);
  return topological(graph)
    .filter(hasFloatWeights)
    .map((product): Layer => {
      const weights = (product.inputs[1] as Value).data as Tensor<'f32'>;
      const channels = weights.shape[0] as number;
      const groups = isOp(product, 'conv2d') ? product.attrs.groups : 1;
      const found = biasOf(product, readers.get(product), channels);
      const bias = found?.bias ?? new Float32Array(channels);
      return { product, name: product.name, weights, groups, bias, end: found?.end ?? product };
    });
}

function biasOf(
  product: Value,
  reader: Value | undefined,
  channels: number,
): { readonly bias: Float32Array; readonly end: Value } | undefined {
  if (reader === undefined || !isOp(reader, 'add')) return undefined;
  const other = reader.inputs[0] === product ? reader.inputs[1] : reader.inputs[0];
  const numbers = perChannel(other as Value, reader.shape);
  if (numbers === undefined) return undefined;
  const bias = numbers.length === 1 ? new Float32Array(channels).fill(numbers[0]!) : numbers;
  return bias.length === channels ? { bias, end: reader } : undefined;
}

/** What a method makes of a layer; what is left out stays. */
export interface LayerChange {
  readonly weights?: ArrayLike<number>;
  readonly bias?: ArrayLike<number>;
}

/** The bound of each channel where a value is min(x, bounds); undefined for any other value. */
export function cutoffsOf(value: Value): Float32Array | undefined {
  if (!isOp(value, 'min')) return undefined;
  const bounds = perChannel(value.inputs[1], value.shape);
  return bounds?.length === value.shape.at(-1) ? bounds : undefined;
}

/**
 * The graph with other weights and biases, by the names of products, and other bounds, by the names
 * of the values that `cutoffsOf` knows.
 */
export function changeLayers(
  graph: Graph,
  changes: ReadonlyMap<string, LayerChange>,
  cutoffs: ReadonlyMap<string, ArrayLike<number>> = new Map(),
): Graph {
  const products = new Map<Value, readonly [Layer, LayerChange]>();
  const ends = new Map<Value, readonly [Layer, LayerChange]>();
  for (const layer of layersOf(graph)) {
    const change = changes.get(layer.name);
    if (change === undefined) continue;
    products.set(layer.product, [layer, change]);
    if (layer.end !== layer.product) ends.set(layer.end, [layer, change]);
  }
  return rewrite(graph, (value, site) => {
    const bounds = value.op === 'min' ? cutoffs.get(site.original.name) : undefined;
    if (bounds !== undefined) {
      const [x, old] = value.inputs as readonly [Value, Value];
      return make('min', value.name, [x, vector(old.name, Float32Array.from(bounds))], {});
    }
    const end = ends.get(site.original);
    if (end?.[1].bias !== undefined) {
      const y = site.rebuilt(end[0].product);
      return make('add', value.name, [y, biasVector(end[0].name, end[1].bias)], {});
    }
    const found = products.get(site.original);
    if (found === undefined) return undefined;
    const [layer, { weights, bias }] = found;
    const [x, w] = value.inputs as readonly [Value, Value];
    const data = new Tensor(
      'f32',
      Float32Array.from(weights ?? layer.weights.data),
      w.shape as number[],
    );
    const y =
      weights === undefined
        ? value
        : make(value.op, value.name, [x, constant(w.name, data)], value.attrs);
    const isNew = bias !== undefined && layer.end === layer.product;
    return isNew ? make('add', `${value.name}.biased`, [y, biasVector(layer.name, bias)], {}) : y;
  });
}

function biasVector(name: string, bias: ArrayLike<number>): Value {
  return vector(`${name}.bias`, Float32Array.from(bias));
}

/**
 * The input channel that element i of weights multiplies, of a product of `groups`: W[o, y, x, c]
 * reads channel (o / (O / groups)) * I / groups + c.
 */
export function inputChannels({ weights, groups }: Pick<Layer, 'weights' | 'groups'>): Int32Array {
  const inner = weights.shape[weights.shape.length - 1] as number;
  const outputs = weights.shape[0] as number;
  const each = weights.size / Math.max(1, outputs);
  const perGroup = outputs / groups;
  return Int32Array.from({ length: weights.size }, (_, i) => {
    const group = Math.floor(Math.floor(i / each) / perGroup);
    return group * inner + (i % inner);
  });
}

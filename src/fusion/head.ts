/**
 * The head of a network, its last dense layer: another one of other classes in its place, and the
 * features that it reads. Not here: training.
 */
import { expected } from '../core/errors.js';
import { type Graph, graphOf, outputsOf, type Value } from '../graph/value.js';
import { fanInUniform } from '../nn/initializers.js';
import { randomStream } from '../nn/random.js';
import { isOp } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import { Tensor } from '../tensor/tensor.js';
import { headOf } from './architecture.js';

export interface Head {
  /** Constants of the network: weights [classes, features], and where there is one a bias. */
  readonly weights: Value<'f32'>;
  readonly bias?: Value<'f32'>;
  /** What the head reads, [N, features]. */
  readonly features: Value<'f32'>;
  readonly product: Value;
  readonly output: readonly [name: string, value: Value];
}

/** @throws BitplaneError ERR_UNSUPPORTED where the network does not end in a dense layer */
export function headIn(graph: Graph): Head {
  const [output] = outputsOf(graph);
  const weights = headOf(graph);
  const end = output?.[1];
  const product = end !== undefined && isOp(end, 'add') ? end.inputs.find(reads(weights)) : end;
  const bias = product === end ? undefined : end?.inputs.find((value) => value !== product);
  const isHead =
    output !== undefined &&
    product !== undefined &&
    isOp(product, 'dense') &&
    reads(weights)(product) &&
    [weights, ...(bias === undefined ? [] : [bias])].every(
      (value) => value?.op === 'constant' && value.dtype === 'f32',
    );
  if (!isHead || outputsOf(graph).length > 1)
    throw expected(
      'ERR_UNSUPPORTED',
      'a network of one output that ends in a dense layer, with a bias or without,',
      end === undefined ? 'none' : end.op,
      { op: 'head', node: end?.name },
    );
  return {
    weights: weights as Value<'f32'>,
    ...(bias && { bias: bias as Value<'f32'> }),
    features: product.inputs[0] as Value<'f32'>,
    product,
    output,
  };
}

const reads = (weights: Value | undefined) => (value: Value) =>
  weights !== undefined && value.inputs[1] === weights;

/** The network up to what its head reads, as the output `features`. */
export function featureGraph(graph: Graph): Graph {
  return graphOf(graph.inputs, [['features', headIn(graph).features]]);
}

/** The network with a new head of so many classes, drawn by the seed; names stay. */
export function withHead(graph: Graph, classes: number, seed: number): Graph {
  const { weights, bias, features, product, output } = headIn(graph);
  const fresh = (value: Value) => {
    const shape = [...(value.shape as number[])];
    shape[value === weights ? 0 : shape.length - 1] = classes;
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (value === weights) fanInUniform(data, shape, randomStream(seed, value.name));
    return constant(value.name, new Tensor('f32', data, shape));
  };
  const head = make('dense', product.name, [features, fresh(weights)], product.attrs);
  const [name, end] = output;
  const last = bias === undefined ? head : make('add', end.name, [head, fresh(bias)], end.attrs);
  return graphOf(graph.inputs, [[name, last]], graph.metadata);
}

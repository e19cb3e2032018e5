/**
 * A network without batch norms, and what its batch norms knew of the maps: mean beta and standard
 * deviation |gamma| of what they gave. These stand in for data. Not here: the folding itself
 * (src/passes), what follows from the statistics (./distributions.ts).
 */
import { type Graph, topological, type Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { hasFloatWeights, onlyReaders } from '../passes/absorb-affines.js';
import { absorbBatchNorms } from '../passes/index.js';

/** A normal distribution a channel. */
export interface ChannelNormals {
  /** Of each channel. */
  readonly mean: Float64Array;
  /** Of each channel. */
  readonly std: Float64Array;
}

/** A network whose batch norms are folded into its products, and what they knew of its maps. */
export interface Folded {
  /** Channels last, batch norms in the weights. */
  readonly graph: Graph;
  /** What each layer gives before its activation, by the name of its product. */
  readonly statistics: ReadonlyMap<string, ChannelNormals>;
}

/**
 * Batch norms go into the weights of the products before them; their beta and gamma stay as the
 * distribution of each layer's result before its activation. A batch norm that does not follow a
 * product, or that further arithmetic follows, leaves no statistics.
 * @throws BitplaneError ERR_GRAPH where the graph breaks a rule of the IR
 */
export function foldBatchNorms(graph: Graph): Folded {
  const prepared = absorbBatchNorms(graph);
  const shapes = new Map(
    topological(prepared)
      .filter(hasFloatWeights)
      .map((value) => [value.name, value.shape]),
  );
  const readers = onlyReaders(graph);
  const statistics = new Map<string, ChannelNormals>();
  for (const value of topological(graph)) {
    if (!isOp(value, 'batchNorm')) continue;
    const [, gamma, beta, , variance] = value.inputs;
    if ([gamma, beta, variance].some(({ op }) => op !== 'constant')) continue;
    const product = productBefore(value);
    if (product === undefined || isAffine(nextOf(value, readers))) continue;
    if (shapes.get(product.name)?.at(-1) !== gamma.shape[0]) continue;
    statistics.set(product.name, {
      mean: Float64Array.from(beta.data!.data as Float32Array),
      std: deviations(gamma, variance, value.attrs.epsilon),
    });
  }
  return { graph: prepared, statistics };
}

/**
 * |gamma| sqrt(v / (v + epsilon)), the deviation of gamma (x - mean) / sqrt(v + epsilon) where x
 * has variance v. It is |gamma| but for channels that hardly vary, which are all but constant.
 */
function deviations(gamma: Value, variance: Value, epsilon: number): Float64Array {
  const seen = variance.data!.data as Float32Array;
  return Float64Array.from(gamma.data!.data as Float32Array, (factor, c) => {
    const v = Math.max(0, seen[c]!);
    return v === 0 ? 0 : Math.abs(factor) * Math.sqrt(v / (v + epsilon));
  });
}

function productBefore(norm: Value): Value | undefined {
  let at = norm.inputs[0] as Value;
  while (isOp(at, 'transpose') || (isOp(at, 'add') && constantOf(at) !== undefined)) {
    const fixed = isOp(at, 'add') ? constantOf(at) : undefined;
    at = (fixed === at.inputs[0] ? at.inputs[1] : at.inputs[0]) as Value;
  }
  return isOp(at, 'conv2d') || isOp(at, 'dense') || isOp(at, 'matmul') ? at : undefined;
}

function nextOf(value: Value, readers: ReadonlyMap<Value, Value>): Value | undefined {
  let next = readers.get(value);
  while (next !== undefined && isOp(next, 'transpose')) next = readers.get(next);
  return next;
}

function isAffine(value: Value | undefined): boolean {
  return value !== undefined && constantOf(value) !== undefined && !isOp(value, 'clip');
}

function constantOf(value: Value): Value | undefined {
  if (!['add', 'sub', 'mul', 'div'].includes(value.op)) return undefined;
  return value.inputs.find((input) => input.op === 'constant');
}

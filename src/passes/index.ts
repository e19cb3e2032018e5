/**
 * The passes from a graph as it was written or imported to the graph that is lowered, in order;
 * `verify` runs after each. Not here: fusion, memory and lowering, which plan a finished graph.
 */
import { atOnce, isPausing, type Pausing } from '../core/turns.js';
import type { Graph } from '../graph/value.js';
import { verify } from '../ops/verify.js';
import { absorbAffines } from './absorb-affines.js';
import { affines } from './affine.js';
import { binarizeRules, type SignZero } from './binarize.js';
import { Evaluations } from './chain.js';
import { concatSplitter } from './concat.js';
import { eliminatingCommon } from './cse.js';
import { materialize } from './fold.js';
import { Folding } from './folding.js';
import { requantized } from './integers.js';
import { layingOut } from './layout.js';
import { legalize } from './legalize.js';
import { absorbPad, lowerBatchNorm, lowerMatmul } from './lower.js';
import { shortenNames } from './names.js';
import { isOptimized, markOptimized } from './optimized.js';
import { exceptWeights } from './quantized-weights.js';
import { firstOf, fixpoint, type Rule, rewriting } from './rewrite.js';
import { simplifying } from './simplify.js';
import { foldingThresholds } from './thresholds.js';

export interface OptimizeOptions {
  /**
   * What ONNX Sign, which gives 0 for 0, becomes. 'exact' (default): a binarization where its
   * argument provably is never zero, else what it is. 'plus': a binarization everywhere; its 0 may
   * be taken as +1.
   */
  readonly signZero?: SignZero | undefined;
  /** The most bytes that may be computed from constants. Default: any number. */
  readonly maxBytes?: number | undefined;
}

interface Pass {
  readonly name: string;
  run(graph: Graph, tools: Tools): Graph | Pausing<Graph>;
}

/** What the passes over one graph share. */
interface Tools {
  readonly signZero: SignZero;
  readonly folding: Folding;
  readonly evaluations: Evaluations;
  /** The rules of src/passes/simplify.ts. */
  readonly simplify: Rule;
}

/** The same graph in fewer ops. */
const CANONICAL: readonly Pass[] = [
  {
    name: 'simplify',
    run: (graph, { folding, simplify }) =>
      fixpoint(graph, firstOf(simplify, lowerBatchNorm, lowerMatmul), folding),
  },
  { name: 'common', run: eliminatingCommon },
];

/** What the executor asks for: constants as numbers, bits moved by none but the ops that can. */
const executable = (materializing: Pass): readonly Pass[] => [
  {
    name: 'legalize',
    run: (graph, { folding, simplify }) => fixpoint(graph, firstOf(simplify, legalize), folding),
  },
  materializing,
  { name: 'common', run: eliminatingCommon },
  { name: 'names', run: shortenNames },
];

const MATERIALIZE: Pass = {
  name: 'materialize',
  run: (graph, { folding }) => rewriting(graph, materialize, folding),
};

/** Weights that kernels read in few bits stay so. */
const MATERIALIZE_OTHERS: Pass = {
  name: 'materialize',
  run: (graph, { folding }) => rewriting(graph, exceptWeights(graph, materialize), folding),
};

const LAYOUT: Pass = {
  name: 'layout',
  run: (graph, { folding, simplify }) => layingOut(graph, folding, simplify),
};

/** What makes it fast. */
const OPTIMIZING: readonly Pass[] = [
  LAYOUT,
  {
    name: 'binarize',
    run: (graph, { signZero, evaluations, folding, simplify }) =>
      fixpoint(graph, firstOf(simplify, absorbPad, binarizeRules(signZero, evaluations)), folding),
  },
  {
    name: 'concat',
    run: (graph, { folding, simplify }) =>
      fixpoint(graph, firstOf(simplify, requantized, concatSplitter(graph)), folding),
  },
  {
    name: 'thresholds',
    run: (graph, { folding, evaluations }) => foldingThresholds(graph, folding, evaluations),
  },
];

/**
 * The graph in the ops that can be lowered: constants folded, batch norms as affines, products with
 * constant matrices as dense layers, nothing computed twice. Weights are floats here, binary ones
 * too, and every layer computes in float: the network to compare with.
 *
 * @throws BitplaneError ERR_GRAPH where the graph breaks a rule of the IR
 */
export function canonicalize(graph: Graph, options: Pick<OptimizeOptions, 'maxBytes'> = {}): Graph {
  return atOnce(canonicalizing(graph, options));
}

/** `canonicalize` that pauses between the values of each pass. */
export function canonicalizing(
  graph: Graph,
  options: Pick<OptimizeOptions, 'maxBytes'>,
): Pausing<Graph> {
  return applying(graph, [...CANONICAL, ...executable(MATERIALIZE)], options);
}

/**
 * `canonicalize`, then: NHWC throughout, binary products counted in bits, signs of integer results
 * as thresholds. Inputs and outputs keep names, dtypes and shapes; integer results and what decides
 * a sign keep every bit.
 *
 * @throws BitplaneError ERR_GRAPH where the graph breaks a rule of the IR
 */
export function optimize(graph: Graph, options: OptimizeOptions = {}): Graph {
  return atOnce(optimizing(graph, options));
}

/**
 * `optimize` that pauses between the values of each pass. Of a graph that it has made before only
 * what the executor asks for is asked again: a file may say anything of its graph.
 */
export function* optimizing(graph: Graph, options: OptimizeOptions): Pausing<Graph> {
  const isMade = isOptimized(graph) && (options.signZero ?? 'exact') === 'exact';
  const passes = isMade ? [] : [...CANONICAL, ...OPTIMIZING];
  return markOptimized(
    yield* applying(graph, [...passes, ...executable(MATERIALIZE_OTHERS)], options),
  );
}

/**
 * The same network for inference, in fewer operations: scales, batch norms and shifts by channel
 * that follow one another are one, across residual sums, pooling and means. Floats differ from
 * those of the graph by rounding, which `optimize` never lets happen by itself; so a binarization
 * may turn where its argument is within rounding of zero. Channels may come first, as in a graph
 * from ONNX: what is merged then has them last, its inputs and outputs keep their order. A graph in
 * which nothing can be saved comes back as it was.
 *
 * @throws BitplaneError ERR_GRAPH where the graph breaks a rule of the IR
 */
export function mergeAffines<G extends Graph>(graph: G): G {
  const before = apply(graph, [...CANONICAL, LAYOUT], {});
  const merged = apply(before, [{ name: 'affines', run: affines }], {});
  return merged === before
    ? graph
    : (apply(merged, [{ name: 'common', run: eliminatingCommon }], {}) as G);
}

/**
 * The same network for inference with channels last and batch norms in the weights of the products
 * before them: a product, a bias, an activation, as quantization wants it. Floats differ from those
 * of the graph by rounding.
 *
 * @throws BitplaneError ERR_GRAPH where the graph breaks a rule of the IR
 */
export function absorbBatchNorms(graph: Graph): Graph {
  const absorb: Pass = { name: 'absorb', run: absorbAffines };
  const common: Pass = { name: 'common', run: eliminatingCommon };
  return apply(graph, [...CANONICAL, LAYOUT, absorb, common], {});
}

/**
 * The same network with channels last and its batch norms as they are: what trains a copy of it, or
 * reads the maps that its batch norms normalize. Products have the names that `absorbBatchNorms`
 * leaves them.
 *
 * @throws BitplaneError ERR_GRAPH where the graph breaks a rule of the IR
 */
export function channelsLast(graph: Graph): Graph {
  const simplify: Pass = {
    name: 'simplify',
    run: (current, { folding, simplify: rules }) =>
      fixpoint(current, firstOf(rules, lowerMatmul), folding),
  };
  const common: Pass = { name: 'common', run: eliminatingCommon };
  return apply(graph, [simplify, common, LAYOUT, common], {});
}

function apply(graph: Graph, passes: readonly Pass[], options: OptimizeOptions): Graph {
  return atOnce(applying(graph, passes, options));
}

function* applying(
  graph: Graph,
  passes: readonly Pass[],
  { signZero = 'exact', maxBytes }: OptimizeOptions,
): Pausing<Graph> {
  verify(graph);
  const tools: Tools = {
    signZero,
    folding: new Folding(graph, maxBytes),
    evaluations: new Evaluations(graph),
    simplify: simplifying(),
  };
  let current = graph;
  for (const pass of passes) {
    const work = pass.run(current, tools);
    const next = isPausing(work) ? yield* work : work;
    yield;
    if (next !== current) verify(next);
    yield;
    current = next;
  }
  return current;
}

/**
 * ONNX and QONNX files to graphs. Not here: bytes (./proto.ts), ops (./ops), making the graph fast
 * (src/passes).
 *
 * The graph keeps the file's interface: names, shapes, NCHW. Feature-map ops run in NHWC between
 * transposes, which the layout pass removes.
 */
import { reading, readingAsync, readingPausing } from '../../core/border.js';
import type { DType } from '../../core/dtype.js';
import { BitplaneError, expected } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { type Shape, showShape } from '../../core/shape.js';
import { atOnce, inTurns, isPausing, type Pausing } from '../../core/turns.js';
import { type Shapes, sizesOf } from '../../graph/shapes.js';
import { type Graph, graphOf, type Input, type Value } from '../../graph/value.js';
import { input } from '../../ops/make.js';
import { limitsOf } from '../../runtime/limits.js';
import type { Bytes } from '../file-part.js';
import type { ReadOptions } from '../read-file.js';
import { BATCH, keepsBatch, meansTheSameAtOne } from './batch.js';
import type { ImportChoices } from './choices.js';
import { type Importer, NodeContext } from './context.js';
import { DataType, dataTypeName, dataTypeOf, isFloatType, quantizedType } from './data-type.js';
import { readExternalData } from './external.js';
import { type Item, valueItem } from './item.js';
import { metadataOf } from './metadata.js';
import { importerOf } from './ops/index.js';
import { branchNodes, orderedNodes } from './order.js';
import {
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
  readingModel,
} from './proto.js';
import { resultOf, truthItem } from './results.js';
import { Scope } from './scope.js';
import { atSizes, type InputSpec, importSized } from './sizes.js';
import type { Decoded } from './tensor.js';
import { requireKnownOps } from './unknown-ops.js';

/**
 * To the ops that are imported 24 and 25 only added types, integers of 2 bits among them; later
 * versions are unknown.
 */
const OPSETS = { least: 1, most: 25 };
/** Until then some ops meant something else, those with operands that broadcast above all. */
const BROADCASTS = 7;
const CHANGED = new Set(
  (
    'Add And BatchNormalization Cast Div Dropout Equal GRU Gemm Greater Less LSTM Mul Or PRelu ' +
    'Pad Pow RNN Split Sub Tile Upsample Xor'
  ).split(' '),
);

export interface ImportOptions extends ImportChoices {
  /** What errors call the file. */
  readonly name?: string | undefined;
  /**
   * Exporters often fix the batch to 1. By default such a batch becomes any batch, where every op
   * allows it and no op mixes pictures; false keeps the 1.
   */
  readonly rebatch?: boolean | undefined;
  /** Shapes of inputs that the file leaves open, or some of their sizes. */
  readonly shapes?: Shapes | undefined;
  /** How much the file may ask for. Default: what `loadModel` allows. */
  readonly limits?: Limits | undefined;
}

/**
 * @throws BitplaneError ERR_FORMAT for a malformed file, ERR_UNSUPPORTED_OP listing every unknown
 * op of the file, ERR_UNSUPPORTED for valid files beyond what bitplane does, ERR_LIMIT, ERR_DTYPE
 * and ERR_SHAPE where a node's operands do not fit
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): Graph {
  const site = { op: 'onnx', node: options.name };
  const model = reading(site, () => atOnce(modelOf(bytes, options, site)));
  return atOnce(importing(model, options, site));
}

/**
 * importOnnx in turns of the event loop. Bytes must not change until it has ended; large tensors of
 * a file that stays open stay there.
 * @param path of the file, where it is known, so that its data may lie in files beside it
 * @throws BitplaneError as importOnnx and readExternalData do, and what `reading.proceed` throws
 */
export async function importOnnxInTurns(
  bytes: Bytes,
  { path, reading }: { readonly path?: string | undefined; readonly reading: ReadOptions },
  options: ImportOptions = {},
): Promise<Graph> {
  const site = { op: 'onnx', node: options.name };
  const model = await readingAsync(site, async () => {
    const read = await inTurns(modelOf(bytes, options, site), reading.proceed);
    if (path !== undefined)
      await readExternalData(read.graph, { path, reading, limits: limitsFor(options) });
    return read;
  });
  return inTurns(importing(model, options, site), reading.proceed);
}

type Site = { op: string; node: string | undefined };
type ModelWithGraph = OnnxModel & { readonly graph: OnnxGraph };

function limitsFor(options: ImportOptions): Limits {
  return options.limits ?? limitsOf({}, 'onnx');
}

/** The file's messages, with a graph of known ops; pauses between messages. */
function* modelOf(bytes: Bytes, options: ImportOptions, site: Site): Pausing<ModelWithGraph> {
  const model = yield* messagesOf(bytes, site, limitsFor(options));
  const { graph } = model;
  if (graph === undefined || graph.outputs.length === 0) {
    throw new BitplaneError(
      'ERR_FORMAT',
      'this is no ONNX model: it holds no graph with outputs',
      site,
    );
  }
  if (graph.sparseInitializers > 0)
    throw new BitplaneError('ERR_UNSUPPORTED', 'sparse initializers are not supported', site);
  requireKnownOps(graph, site);
  return model as ModelWithGraph;
}

/** Pauses between nodes. */
function importing(model: ModelWithGraph, options: ImportOptions, site: Site): Pausing<Graph> {
  return readingPausing(site, () => sized(model, options, site));
}

function sized(model: ModelWithGraph, options: ImportOptions, site: Site): Pausing<Graph> {
  const { graph } = model;
  const opset = standardOpset(model, site);
  const build = builder(graph, opset, options, limitsFor(options));
  const metadata = metadataOf(model);
  // A reader's border of its own, because runs import too, for sizes that are new.
  const at = (inputs: readonly InputSpec[], frees: boolean): Pausing<Graph> =>
    readingPausing(site, function* () {
      const fixed = yield* build(inputs);
      const free = frees ? yield* withFreeBatch(inputs, build) : undefined;
      const isFree =
        free !== undefined && keepsBatch(free.graph) && meansTheSameAtOne(free.scope, fixed.scope);
      return Object.freeze({ ...(isFree ? free : fixed).graph, metadata });
    });
  const inputs = graphInputs(graph);
  const frees =
    options.rebatch !== false &&
    inputs.length > 0 &&
    inputs.every(({ shape }) => shape.length >= 2 && shape[0] === 1);
  const sizes = sizesOf(inputs, exceptBatch(options.shapes ?? {}, inputs), site);
  const file = { outputs: graph.outputs, metadata, at };
  return importSized(file, atSizes(inputs, sizes), frees, sizes);
}

/** The shapes with 1 as the batch where the file has 1: what it may be, the import decides. */
function exceptBatch(shapes: Shapes, inputs: readonly InputSpec[]): Shapes {
  const ones = new Set(inputs.filter(({ shape }) => shape[0] === 1).map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      ones.has(name) && shape.length > 0 ? [1, ...shape.slice(1)] : shape,
    ]),
  );
}

/**
 * The import with any batch in place of the 1 that leads every input; undefined if an op needs the
 * 1.
 */
function* withFreeBatch(inputs: readonly InputSpec[], build: Build): Pausing<Built | undefined> {
  try {
    return yield* build(
      inputs.map((spec) => ({ ...spec, shape: [BATCH, ...spec.shape.slice(1)] })),
    );
  } catch (error) {
    if (!(error instanceof BitplaneError)) throw error;
    return undefined;
  }
}

function* messagesOf(bytes: Bytes, site: Site, limits: Limits): Pausing<OnnxModel> {
  try {
    return yield* readingModel(bytes, limits);
  } catch (cause) {
    if (!(cause instanceof BitplaneError) || cause.code !== 'ERR_FORMAT') throw cause;
    throw new BitplaneError(
      'ERR_FORMAT',
      `this is no ONNX model, or a damaged one (${cause.message})`,
      { ...site, cause },
    );
  }
}

interface Built {
  readonly graph: Graph;
  readonly scope: Scope;
}

/** The import of all nodes for inputs of given shapes; pauses between nodes. */
type Build = (inputs: readonly InputSpec[]) => Pausing<Built>;

/**
 * Imports the nodes for inputs of given shapes. Repeated imports decode each tensor of the file
 * only once.
 */
function builder(graph: OnnxGraph, opset: number, choices: ImportChoices, limits: Limits): Build {
  const nodes = orderedNodes(graph);
  const decoded = new Map<OnnxTensor, Decoded>();
  return function* (specs) {
    const scope = new Scope(limits, decoded);
    for (const tensor of graph.initializers)
      scope.define(tensor.name, { kind: 'tensor', tensor, name: tensor.name });
    const inputs: Input[] = specs.map(({ name, dtype, shape }) =>
      input(scope.unique(name), dtype, shape),
    );
    inputs.forEach((value, i) => {
      scope.define(value.name, specs[i]?.isTruth ? truthItem(scope, value) : valueItem(value));
    });

    yield* importNodes(nodes, opset, scope, choices);
    const outputs = graph.outputs.map((info) => [info.name, outputOf(info, scope)] as const);
    return { graph: graphOf(inputs, outputs), scope };
  };
}

/** Yields after each node, and within those that become many. */
function* importNodes(
  nodes: readonly OnnxNode[],
  opset: number,
  scope: Scope,
  choices: ImportChoices,
): Pausing<void> {
  const branch = (graph: OnnxGraph) => branchItems(graph, opset, scope, choices);
  for (const node of nodes) {
    const context = new NodeContext(node, opset, scope, choices, branch);
    // Unknown ops are refused before.
    const made = importerOf(node.domain, node.opType)!(context);
    const results = listOf(isPausing(made) ? yield* made : made);
    node.outputs.forEach((name, i) => {
      const result = results[i];
      if (name !== '' && result !== undefined) scope.define(name, result);
    });
    yield;
  }
}

/**
 * The outputs of a branch. Its names stand in the scope around it, where ONNX lets no other node
 * have them; those of a branch that was taken before are replaced.
 */
function branchItems(
  graph: OnnxGraph,
  opset: number,
  scope: Scope,
  choices: ImportChoices,
): readonly Item[] {
  const nodes = branchNodes(graph, (name) => scope.find(name) !== undefined);
  requireKnownOps(graph, { op: 'onnx', node: graph.name });
  const own = [
    ...graph.initializers.map(({ name }) => name),
    ...nodes.flatMap(({ outputs }) => outputs),
  ];
  const taken = own.find((name) => name !== '' && !scope.claimForBranch(name));
  if (taken !== undefined)
    throw new BitplaneError('ERR_FORMAT', `its name "${taken}" is one of the graph around it`, {
      op: 'branch',
      node: graph.name,
    });
  for (const tensor of graph.initializers)
    scope.define(tensor.name, { kind: 'tensor', tensor, name: tensor.name });
  for (const _ of importNodes(nodes, opset, scope, choices));
  return graph.outputs.map(({ name }) => {
    const item = scope.find(name);
    if (item === undefined)
      throw expected('ERR_UNSUPPORTED', 'a value', 'an output that is not computed', {
        op: 'output',
        node: name,
      });
    return item;
  });
}

/**
 * A result has the rank that the file declares. Files without a shape, or with an empty one,
 * declare none.
 */
function outputOf({ name, elementType, dims = [] }: OnnxValueInfo, scope: Scope): Value {
  const site = { op: 'output', node: name };
  const item = scope.find(name);
  if (item === undefined)
    throw expected('ERR_UNSUPPORTED', 'a value', 'an output that is not computed', site);
  const value = resultOf(name, item, elementType, scope);
  if (dims.length > 0 && dims.length !== value.shape.length)
    throw expected(
      'ERR_SHAPE',
      `a value of rank ${dims.length}, as the file declares`,
      showShape(value.shape),
      site,
    );
  return value;
}

function listOf(result: ReturnType<Importer>): readonly Item[] {
  if (Array.isArray(result)) return result;
  const one = result as Item | Value;
  return ['kind' in one ? one : valueItem(one)];
}

/**
 * The version of the standard operators. Files that use only custom domains need none; custom
 * domains need no import of their own.
 */
function standardOpset(model: OnnxModel, site: Site): number {
  const versions = model.opsets
    .filter(({ domain }) => domain === '' || domain === 'ai.onnx')
    .map(({ version }) => version);
  const version = versions.reduce((newest, one) => Math.max(newest, one), -Infinity);
  if (versions.length === 0) {
    if (model.graph?.nodes.every(({ domain }) => domain !== '' && domain !== 'ai.onnx'))
      return OPSETS.most;
    throw expected(
      'ERR_FORMAT',
      'an opset_import that says which version of the standard operators the file uses',
      'none',
      site,
    );
  }
  if (version < OPSETS.least || version > OPSETS.most) {
    throw expected(
      'ERR_UNSUPPORTED',
      `version ${OPSETS.least} to ${OPSETS.most} of the standard operators`,
      version,
      site,
    );
  }
  const old = version < BROADCASTS && model.graph?.nodes.find(({ opType }) => CHANGED.has(opType));
  if (old)
    throw expected(
      'ERR_UNSUPPORTED',
      `version ${BROADCASTS} to ${OPSETS.most} of the standard operators, as it has ${old.opType}`,
      version,
      site,
    );
  return version;
}

/** Inputs without a default, with a symbol for every size that the file leaves open. */
function graphInputs(graph: OnnxGraph): InputSpec[] {
  const defaults = new Set(graph.initializers.map(({ name }) => name));
  return graph.inputs
    .filter(({ name }) => !defaults.has(name))
    .map((info) => ({
      name: info.name,
      dtype: dtypeOf(info),
      isTruth: info.elementType === DataType.BOOL,
      shape: shapeOf(info),
    }));
}

/**
 * Floats of every width are fed as f32, in which the graph computes, INT64 as i32, truth values as
 * u8. Integers of 16 bits have no dtype that holds no others, so they cannot be fed.
 */
function dtypeOf({ name, elementType }: OnnxValueInfo): DType {
  if (isFloatType(elementType)) return 'f32';
  if (elementType === DataType.BOOL) return 'u8';
  if (elementType === DataType.INT64) return 'i32';
  const dtype = quantizedType(elementType)?.dtype;
  if (dtype !== undefined && (dataTypeOf(dtype) ?? DataType.INT32) === elementType) return dtype;
  const received = dataTypeName(elementType);
  throw expected(
    'ERR_UNSUPPORTED',
    'an input of floats, truth values, INT64, INT32, or integers of 8, 4 or 2 bits',
    received,
    { op: 'input', node: name },
  );
}

function shapeOf({ name, dims }: OnnxValueInfo): Shape {
  const site = { op: 'input', node: name };
  if (dims === undefined)
    throw expected('ERR_UNSUPPORTED', 'an input of known rank', 'an input without a shape', site);
  return dims.map((dim, axis) => {
    // Some exporters write "any size" as 0 or less.
    const open = dim === undefined || dim === '' || (typeof dim === 'number' && dim <= 0);
    if (open) return axis === 0 ? BATCH : `${name}_dim${axis}`;
    if (typeof dim === 'number' && !Number.isSafeInteger(dim))
      throw expected('ERR_FORMAT', 'sizes of up to 53 bits', dim, site);
    return dim;
  });
}

/**
 * Models of which ops need sizes that the file leaves open, such as a convolution over a map of any
 * height. The file is imported once for each combination of sizes, so that whatever an exporter
 * computes from them (shapes, paddings, scales) is computed as in a file without symbols. Payloads
 * are decoded once for all. Not here: an import (./import.ts), what an open graph is
 * (src/graph/open.ts).
 */
import type { DType } from '../../core/dtype.js';
import { BitplaneError, continued, expected } from '../../core/errors.js';
import type { Dim, Shape, Sizes } from '../../core/shape.js';
import type { Pausing } from '../../core/turns.js';
import { type Declared, openGraph, symbolsOf } from '../../graph/open.js';
import { type Graph, type Metadata, outputsOf } from '../../graph/value.js';
import { input } from '../../ops/make.js';
import { bind } from '../../passes/bind.js';
import { BATCH } from './batch.js';
import { DataType, isFloatType, quantizedType } from './data-type.js';
import type { OnnxValueInfo } from './proto.js';

/** An input as the file has it, with symbols for sizes that it leaves open. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DType;
  /** Truth values, fed as u8. */
  readonly isTruth: boolean;
  readonly shape: Shape;
}

/** A file, ready to be imported at sizes. */
export interface Sizeable {
  readonly outputs: readonly OnnxValueInfo[];
  readonly metadata: Metadata;
  /** The import; where `frees`, a batch of 1 becomes the symbol BATCH if every op allows that. */
  readonly at: (inputs: readonly InputSpec[], frees: boolean) => Pausing<Graph>;
}

/**
 * What becomes of the batch: free where the file fixes it to 1 and it may be any, a number where a
 * run has said which, fixed where it is a size or a symbol as any other.
 */
type Batch = 'free' | 'fixed' | number;

/** Heights and widths with which an import is tried; every batch is 1 then. */
const TRIED = [64, 224];

/** Codes of errors that may say that a size, or a symbol in its place, does not fit. */
const OF_SYMBOLS = new Set(['ERR_SHAPE', 'ERR_ARGUMENT', 'ERR_UNSUPPORTED', 'ERR_DTYPE']);
const OF_SIZES = new Set(['ERR_SHAPE', 'ERR_ARGUMENT']);

/**
 * The graph for all sizes where the ops leave symbols alone, else an open graph.
 * @throws BitplaneError where no size can help
 */
export function importSized(
  file: Sizeable,
  inputs: readonly InputSpec[],
  frees: boolean,
  known: Sizes = Object.create(null),
): Pausing<Graph> {
  return importWith(file, inputs, frees ? 'free' : 'fixed', known);
}

function* importWith(
  file: Sizeable,
  inputs: readonly InputSpec[],
  batch: Batch,
  known: Sizes,
): Pausing<Graph> {
  try {
    const graph = yield* file.at(inputs, batch !== 'fixed');
    return typeof batch === 'number' ? ofBatch(graph, batch) : graph;
  } catch (error) {
    const mayOpen = error instanceof BitplaneError && OF_SYMBOLS.has(error.code);
    if (!mayOpen || symbolsIn(inputs).length === 0) throw error;
    return yield* opened(file, inputs, batch, known, error);
  }
}

/** The graph, in which the batch may be free, for a batch of this size. */
function ofBatch(graph: Graph, batch: number): Graph {
  const [first] = graph.inputs;
  if (first?.shape[0] === BATCH) return bind(graph, { [BATCH]: batch });
  if (batch === 1) return graph;
  throw expected('ERR_SHAPE', 'a batch of 1, which an op of the model needs,', batch, {
    op: 'input',
    node: first?.name,
  });
}

function* opened(
  file: Sizeable,
  inputs: readonly InputSpec[],
  asked: Batch,
  known: Sizes,
  cause: BitplaneError,
): Pausing<Graph> {
  const { tried, failure } = yield* tryOut(file, inputs, asked, cause);
  const outputs = file.outputs.map((info) => declared(info, tried, known));
  // Then nothing says how many axes the output has.
  if (outputs.includes(undefined)) throw cause;
  const frees =
    asked === 'free' &&
    tried?.inputs.every(({ shape }) => shape[0] === BATCH) === true &&
    !symbolsIn(inputs).includes(BATCH);
  const batch = asked === 'free' && !frees ? 'fixed' : asked;
  const faces = inputs.map(({ name, dtype, shape }, i) => {
    const lead: Dim[] = batch === 'fixed' ? [] : [batch === 'free' ? BATCH : batch];
    return input(tried?.inputs[i]?.name ?? name, dtype, [...lead, ...shape.slice(lead.length)]);
  });
  const forSizes = (sizes: Sizes): Pausing<Graph> => {
    const all = Object.assign(Object.create(null), known, sizes) as Sizes;
    const chosen = batch === 'free' ? (all[BATCH] ?? batch) : batch;
    return importWith(file, atSizes(inputs, all), chosen, all);
  };
  const why =
    failure === undefined
      ? cause
      : continued(cause, `, and with ${TRIED.at(-1)} for such sizes: ${failure.message}`);
  return openGraph(faces, outputs as Declared[], file.metadata, { forSizes, why });
}

/**
 * The import at sizes that most networks take, or why they do not fit this one.
 * @throws BitplaneError for what no size would mend
 */
function* tryOut(
  file: Sizeable,
  inputs: readonly InputSpec[],
  batch: Batch,
  cause: BitplaneError,
): Pausing<{ tried?: Graph; failure?: BitplaneError }> {
  let failure = cause;
  const batches = new Set(inputs.map(({ shape }) => shape[0]));
  for (const size of TRIED) {
    const sizes: Record<string, number> = Object.create(null);
    for (const symbol of symbolsIn(inputs)) sizes[symbol] = batches.has(symbol) ? 1 : size;
    try {
      return { tried: yield* file.at(atSizes(inputs, sizes), batch !== 'fixed') };
    } catch (error) {
      if (!(error instanceof BitplaneError)) throw error;
      failure = error;
      if (OF_SIZES.has(error.code)) continue;
      // The same, in which sizes that were tried look like the file's.
      throw error.code === cause.code && error.node === cause.node ? cause : error;
    }
  }
  return { failure };
}

/** Inputs with sizes for symbols. */
export function atSizes(inputs: readonly InputSpec[], sizes: Sizes): InputSpec[] {
  return inputs.map((spec) => ({ ...spec, shape: spec.shape.map((dim) => sized(dim, sizes)) }));
}

function sized(dim: Dim, sizes: Sizes): Dim {
  return typeof dim === 'string' && Object.hasOwn(sizes, dim) ? (sizes[dim] as number) : dim;
}

function symbolsIn(inputs: readonly InputSpec[]): string[] {
  return symbolsOf(inputs);
}

/**
 * An output as the file declares it; sizes that the file leaves open, or that an import
 * contradicts, are symbols. Undefined where nothing says how many axes there are.
 */
function declared(
  { name, elementType, dims = [] }: OnnxValueInfo,
  tried: Graph | undefined,
  known: Sizes,
): Declared | undefined {
  const value = tried && new Map(outputsOf(tried)).get(name);
  if (value === undefined && dims.length === 0) return undefined;
  const rank = value?.shape.length ?? dims.length;
  const shape = Array.from({ length: rank }, (_, axis): Dim => {
    const [dim, found] = [dims[axis], value?.shape[axis]];
    if (found === BATCH) return BATCH;
    if (typeof dim === 'string' && dim !== '') return sized(dim, known);
    const agrees = found === undefined || found === dim;
    return typeof dim === 'number' && dim > 0 && agrees ? dim : `${name}_dim${axis}`;
  });
  const asStored = isFloatType(elementType) ? undefined : dtypeOfType(elementType);
  return { name, dtype: value?.dtype ?? asStored ?? 'f32', shape };
}

/** The dtype of results of a type that is no float; truth values are u8. */
function dtypeOfType(elementType: number): DType | undefined {
  if (elementType === DataType.BOOL) return 'u8';
  return elementType === DataType.INT64 ? 'i32' : quantizedType(elementType)?.dtype;
}

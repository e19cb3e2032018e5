/**
 * A model from a path, URL or bytes, whatever its format: safetensors, ONNX, a task of a store, or
 * any of them gzipped. The content decides, not the name. Not here: the formats themselves.
 */
import { promisify } from 'node:util';
import { isArrayBuffer } from 'node:util/types';
import { namingFile } from '../core/border.js';
import { zlib } from '../core/builtins.js';
import { type OptionNames, requireOneOf, requireOptions, requireSignal } from '../core/checks.js';
import { carries } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { requireShapes, type Shapes } from '../graph/shapes.js';
import type { Graph } from '../graph/value.js';
import { fixShapes } from '../passes/fix-shapes.js';
import { type LimitOptions, limitsOf } from '../runtime/limits.js';
import { type ImportChoices, MULTI_THRESHOLD_AXES } from './onnx/choices.js';
import type { ImportOptions } from './onnx/import.js';
import { openOnnxFile } from './onnx/open-file.js';
import { isUrl, pathOf } from './path.js';
import { MAX_MODEL_FILE, openFile, type ReadOptions, readRest } from './read-file.js';
import { decodeModel } from './safetensors/model.js';
import { type OpenModel, openModelFile, refuseForeign } from './safetensors/model-file.js';
import { looksLikeSafetensors } from './safetensors/safetensors.js';
import { openStoreFile } from './store/open-store.js';
import { decodeStore, looksLikeStore, type Store, storeBytes, taskGraph } from './store/store.js';

/**
 * A model: the path or file: URL of its file, or the bytes of it, which must not change while it is
 * loaded.
 */
export type ModelSource = string | URL | Uint8Array | ArrayBuffer;

/** How a model file is read: limits, sizes, and which network of a store. */
export interface LoadOptions extends ImportChoices, LimitOptions {
  /** Stops reading: the promise is rejected with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Larger files are refused unread; in bytes, 2 GiB by default. A path must lead to a regular
   * file.
   */
  readonly maxFileBytes?: number | undefined;
  /**
   * Shapes of inputs by their names, `{ x: [1, 3, 48, 192] }`: a number fixes a size that the model
   * leaves open, the name of its symbol leaves it so. Default: all stay as the model has them.
   */
  readonly shapes?: Shapes | undefined;
  /** Of a store: which of its networks. Other files take none. */
  readonly task?: string | undefined;
}

const SHAPES = { op: 'shapes' };

/**
 * Deflate can shrink zeros a thousandfold; 1-bit weights that are stored as floats shrink about
 * fortyfold.
 */
const GUNZIP = { ratio: 256, least: 64 * 2 ** 20, most: 2 ** 30 };

/**
 * The model, whose large weights stay in the file where possible; the caller must close it. Of a
 * store, `heldBytes` are those of its tensors that are in memory.
 * @throws BitplaneError as loadModel does
 */
export async function openModel(
  source: ModelSource,
  options: LoadOptions = {},
): Promise<OpenModel & { readonly store?: Store; readonly heldBytes?: number }> {
  requireLoadOptions(options);
  const limits = limitsOf(options, 'model');
  if (typeof source === 'string' || isUrl(source)) {
    const { proceed, limit } = readOptions(source, options);
    proceed();
    const file = await openModelFile(source, proceed, { limit, limits });
    if (file !== undefined)
      return closedOnError(file, () => {
        if (options.task !== undefined) throw noStore(options.task, nameOf(source));
        return fixed(file.graph, options);
      });
    const open = await openStoreFile(source, proceed, limit);
    if (open !== undefined)
      return closedOnError(open, () => graphOfTask(open.store, source, options));
    const onnx = options.task === undefined ? await openOnnx(source, options) : undefined;
    if (onnx !== undefined) return closedOnError(onnx, () => fixed(onnx.graph, options));
  }
  const close = async () => undefined;
  const read = await readModel(source, options);
  if (isGraph(read)) return { graph: fixed(read, options), close };
  const heldBytes = storeBytes(read);
  return { graph: graphOfTask(read, source, options), store: read, heldBytes, close };
}

/** The open file with the graph that is made of it. */
async function closedOnError<T extends { close(): Promise<void> }>(
  file: T,
  make: () => Graph,
): Promise<T & { readonly graph: Graph }> {
  try {
    return { ...file, graph: make() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function openOnnx(source: string | URL, options: LoadOptions): Promise<OpenModel | undefined> {
  return openOnnxFile(source, readOptions(source, options), importOptions(source, options));
}

function importOptions(source: ModelSource, options: LoadOptions): ImportOptions {
  const { multiThresholdAxis, shapes } = options;
  return { name: nameOf(source), limits: limitsOf(options, 'model'), multiThresholdAxis, shapes };
}

/**
 * The whole model in memory. `maxNodes` and `maxBytes` raise what its file may ask for (see
 * SECURITY.md).
 * @throws BitplaneError ERR_LIMIT, ERR_IO where the file cannot be read, ERR_ABORTED, and whatever
 * the format's reader throws
 */
export async function loadModel(source: ModelSource, options: LoadOptions = {}): Promise<Graph> {
  const read = await readModel(source, options);
  return isGraph(read) ? fixed(read, options) : graphOfTask(read, source, options);
}

/**
 * A store whole, its words as they lie in the file.
 * @throws BitplaneError as loadModel does; ERR_FORMAT where the file is no store
 */
export async function openStore(source: ModelSource, options: LoadOptions = {}): Promise<Store> {
  const read = await readModel(source, options);
  if (!isGraph(read)) return read;
  throw new BitplaneError('ERR_FORMAT', 'expected a store of several tasks but received a model', {
    op: 'store',
    node: nameOf(source),
  });
}

function isGraph(read: Graph | Store): read is Graph {
  return 'inputs' in read;
}

function graphOfTask(store: Store, source: ModelSource, options: LoadOptions): Graph {
  const limits = limitsOf(options, 'model');
  return fixed(taskGraph(store, options.task, { node: nameOf(source), limits }), options);
}

function noStore(task: string, node: string | undefined): BitplaneError {
  return expected('ERR_ARGUMENT', 'task for a store of several only', task, { op: 'model', node });
}

async function readModel(source: ModelSource, options: LoadOptions): Promise<Graph | Store> {
  requireLoadOptions(options);
  return load(source, options);
}

/** What an importer has fixed already is no symbol any more. */
function fixed(graph: Graph, { shapes }: LoadOptions): Graph {
  return shapes === undefined ? graph : fixShapes(graph, shapes, SHAPES);
}

async function load(source: ModelSource, options: LoadOptions): Promise<Graph | Store> {
  const limits = limitsOf(options, 'model');
  const name = nameOf(source);
  const read = await bytesOf(source, options);
  const bytes = read[0] === 0x1f && read[1] === 0x8b ? await inflate(read, name) : read;
  if (options.signal?.aborted) throw aborted(name, options.signal.reason);
  if (looksLikeStore(bytes))
    // The caller may change his bytes, and a store is read from them later.
    return decodeStore(bytes === source || isArrayBuffer(source) ? bytes.slice() : bytes, name);
  if (options.task !== undefined) throw noStore(options.task, name);
  // Nobody else holds bytes that were read or inflated here.
  if (looksLikeSafetensors(bytes))
    return namingFile(name, () =>
      decodeModel(bytes, { owned: bytes !== source && !isArrayBuffer(source), limits }),
    );
  // Loaded when first needed: it would add a fifth to the time of importing the package.
  const { importOnnxInTurns } = await import('./onnx/import.js');
  const file = { path: pathOf(source), reading: readOptions(source, options) };
  return importOnnxInTurns(bytes, file, importOptions(source, options));
}

export const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  signal: true,
  multiThresholdAxis: true,
  maxFileBytes: true,
  shapes: true,
  maxNodes: true,
  maxBytes: true,
  task: true,
};

function requireLoadOptions(options: LoadOptions): void {
  const site = { op: 'model' };
  requireOptions(options, LOAD_OPTIONS, site);
  requireSignal(options.signal, site);
  requireOneOf(
    options.multiThresholdAxis ?? 'layout',
    MULTI_THRESHOLD_AXES,
    'multiThresholdAxis',
    site,
  );
  requireShapes(options.shapes, SHAPES);
  const limit = options.maxFileBytes ?? 0;
  if (typeof limit !== 'number' || !(limit >= 0))
    throw expected('ERR_ARGUMENT', 'maxFileBytes to be a number of bytes', limit, site);
  if (options.task !== undefined && typeof options.task !== 'string')
    throw expected('ERR_ARGUMENT', 'task to be the name of one', options.task, site);
}

function nameOf(source: ModelSource): string | undefined {
  return typeof source === 'string' ? source : isUrl(source) ? source.href : undefined;
}

async function bytesOf(source: ModelSource, options: LoadOptions): Promise<Uint8Array> {
  if (carries('u8', source)) return source;
  if (isArrayBuffer(source)) return new Uint8Array(source);
  if (nameOf(source) === undefined)
    throw expected('ERR_ARGUMENT', 'a path, a URL or bytes', source, { op: 'model' });
  const reading = readOptions(source, options);
  const file = await openFile(source, reading);
  try {
    await namingFile(nameOf(source), () => refuseForeign(file));
    return await readRest(file, reading);
  } finally {
    await file.handle.close().catch(() => undefined);
  }
}

function readOptions(
  source: ModelSource,
  { signal, maxFileBytes = MAX_MODEL_FILE }: LoadOptions,
): ReadOptions & { proceed: () => void } {
  const proceed = () => {
    if (signal?.aborted) throw aborted(nameOf(source), signal.reason);
  };
  return { limit: maxFileBytes, option: 'maxFileBytes', op: 'model', proceed };
}

async function inflate(file: Uint8Array, name: string | undefined): Promise<Uint8Array> {
  const maxOutputLength = Math.min(GUNZIP.most, Math.max(GUNZIP.least, file.length * GUNZIP.ratio));
  try {
    return await promisify(zlib().gunzip)(file, { maxOutputLength });
  } catch (cause) {
    const sentence = `the gzip data is malformed or inflates to more than ${maxOutputLength} bytes`;
    throw new BitplaneError('ERR_FORMAT', sentence, { op: 'model', node: name, cause });
  }
}

function aborted(name: string | undefined, cause: unknown): BitplaneError {
  return new BitplaneError('ERR_ABORTED', 'loading was aborted', {
    op: 'model',
    node: name,
    cause,
  });
}

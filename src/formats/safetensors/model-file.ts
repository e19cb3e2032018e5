/**
 * A model file that is read as it is needed: the graph and all small tensors at once, a large
 * tensor whenever someone asks for its elements. So weights go from the file into their packed
 * form, and no copy of all of them is ever in memory. Not here: the format (./model.ts).
 */
import { namingFile, readingAsync } from '../../core/border.js';
import { type Limits, UNLIMITED } from '../../core/limits.js';
import type { Graph } from '../../graph/value.js';
import {
  giveScratch,
  LEAST_STORED_BYTES,
  SCRATCH_BYTES,
  storedTensor,
  takeScratch,
} from '../../tensor/stored.js';
import type { Tensor } from '../../tensor/tensor.js';
import { LastingFile } from '../lasting-file.js';
import { type OpenFile, readPart } from '../read-file.js';
import { looksLikeStore, MARK_BYTES } from '../store/store.js';
import { decodeGraph, type Fetch, requireModel, tensorOver } from './model.js';
import {
  dataOffset,
  LENGTH_BYTES,
  looksLikeSafetensors,
  readHeader,
  type Span,
} from './safetensors.js';

/** A model whose tensors may lie in a file. */
export interface OpenModel {
  readonly graph: Graph;
  /** Closes the file; its tensors can no longer be read. */
  close(): Promise<void>;
}

/** Read at once: the header of most models. */
const START_BYTES = 1 << 16;
/** Reading less than this costs nothing, so its header is not read twice. */
const SMALL_FILE = 1 << 26;

/**
 * Undefined if the file must be read whole or refused: it is missing, no regular file, larger than
 * `limit`, of another format, or was written a moment ago.
 * @param proceed throws if opening is to stop
 * @throws BitplaneError as decodeModel does; ERR_IO
 */
export async function openModelFile(
  path: string | URL,
  proceed: () => void,
  { limit, limits = UNLIMITED }: { readonly limit?: number; readonly limits?: Limits } = {},
): Promise<OpenModel | undefined> {
  const file = await LastingFile.open(path, limit);
  if (file === undefined) return undefined;
  let graph: Graph | undefined;
  try {
    const start = await file.read(0, new Uint8Array(Math.min(START_BYTES, file.size)));
    if (looksLikeSafetensors(start) && !looksLikeStore(start))
      graph = await namingFile(String(path), () =>
        readingAsync({ op: 'model', node: String(path) }, () =>
          decode(file, start, proceed, limits),
        ),
      );
  } finally {
    if (graph === undefined) await file.close();
  }
  return graph && { graph, close: () => file.close() };
}

/**
 * For a large file that will be read whole: if it is safetensors, its header is read first.
 * @throws BitplaneError ERR_FORMAT where it holds no model of ours or is malformed
 */
export async function refuseForeign(file: OpenFile): Promise<void> {
  if (file.size < SMALL_FILE) return;
  const start = await readPart(file, 0, MARK_BYTES);
  if (!looksLikeSafetensors(start) || looksLikeStore(start)) return;
  const dataAt = dataOffset(start, file.size);
  // If the file shrinks meanwhile, its cut header is malformed.
  const header = await readPart(file, LENGTH_BYTES, dataAt - LENGTH_BYTES);
  requireModel(readHeader(header, file.size - dataAt).metadata);
}

async function decode(
  file: LastingFile,
  start: Uint8Array,
  proceed: () => void,
  limits: Limits,
): Promise<Graph> {
  const dataAt = dataOffset(start, file.size);
  const whole =
    dataAt <= start.length ? start.subarray(0, dataAt) : await file.read(0, new Uint8Array(dataAt));
  const header = readHeader(whole.subarray(LENGTH_BYTES), file.size - dataAt);
  requireModel(header.metadata);
  const small = await readSmall(file, dataAt, [...header.spans.values()], proceed);
  const fetch: Fetch = (span, dtype, shape): Tensor => {
    const bytes = small.get(span);
    if (bytes !== undefined) return tensorOver(bytes, dtype, shape, true);
    return storedTensor(dtype, shape, {
      read: (target, from) => file.readSync(dataAt + span.begin + from, target),
    });
  };
  return decodeGraph(header, fetch, limits);
}

/**
 * The small tensors. It reads all of the data piece by piece, so that the disk is waited for here,
 * beside the event loop. Packing then reads from the system's cache.
 * @param spans in the order of the data
 */
async function readSmall(
  file: LastingFile,
  dataAt: number,
  spans: readonly Span[],
  proceed: () => void,
): Promise<Map<Span, Uint8Array>> {
  const small = spans
    .filter(({ begin, end }) => end - begin < LEAST_STORED_BYTES)
    .map((span) => [span, new Uint8Array(span.end - span.begin)] as const);
  const size = file.size - dataAt;
  const buffer = takeScratch(SCRATCH_BYTES);
  try {
    for (let begin = 0, first = 0; begin < size; begin += buffer.length) {
      proceed();
      const piece = await file.read(dataAt + begin, buffer.subarray(0, size - begin));
      const end = begin + piece.length;
      for (let i = first; i < small.length; i++) {
        const [span, bytes] = small[i]!;
        if (span.begin >= end) break;
        bytes.set(
          piece.subarray(Math.max(0, span.begin - begin), span.end - begin),
          Math.max(0, begin - span.begin),
        );
        if (span.end <= end) first = i + 1;
      }
    }
  } finally {
    giveScratch(buffer);
  }
  proceed();
  return new Map(small);
}

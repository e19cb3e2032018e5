/**
 * A model file that is read as it is needed: the graph and all small tensors at once, a large tensor whenever someone asks for its elements.
 * Weights so go from the file into their packed form without another copy of all of them. Not here: the format (./model.ts).
 */
import type { Graph } from '../../graph/value.js';
import { storedTensor } from '../../tensor/stored.js';
import type { Tensor } from '../../tensor/tensor.js';
import { LastingFile } from './lasting-file.js';
import { decodeGraph, type Fetch, tensorOver } from './model.js';
import { dataOffset, LENGTH_BYTES, looksLikeSafetensors, readHeader, type Span } from './safetensors.js';

/** A model whose tensors may lie in a file. */
export interface OpenModel {
  readonly graph: Graph;
  /** Its tensors in a file can be read no more. */
  close(): Promise<void>;
}

/** Read at once: the header of most models, and all of a small one. */
const START_BYTES = 1 << 16;
/** Smaller tensors are read with their neighbours: passes look at them, and a call to read one costs more than its bytes. */
const LARGE_BYTES = 1 << 15;

/**
 * Undefined where it must be read whole: no such file, no regular file, none of this format, or one written to this very moment.
 * @param proceed throws if opening is to stop
 * @throws BitplaneError as decodeModel does; ERR_IO
 */
export async function openModelFile(path: string | URL, proceed: () => void): Promise<OpenModel | undefined> {
  const file = await LastingFile.open(path);
  if (file === undefined) return undefined;
  let graph: Graph | undefined;
  try {
    const start = await file.read(0, Math.min(START_BYTES, file.size));
    if (looksLikeSafetensors(start)) graph = await decode(file, start, proceed);
  } finally {
    if (graph === undefined) await file.close();
  }
  return graph && { graph, close: () => file.close() };
}

async function decode(file: LastingFile, start: Uint8Array, proceed: () => void): Promise<Graph> {
  const bytesAt = async (begin: number, end: number) => {
    proceed();
    return end <= start.length ? start.subarray(begin, end) : file.read(begin, end - begin);
  };
  const dataAt = dataOffset(start, file.size);
  const header = readHeader(await bytesAt(LENGTH_BYTES, dataAt), file.size - dataAt);
  const small = new Map<Span, Uint8Array>();
  for (const run of runsOfSmall([...header.spans.values()])) {
    const { begin } = run[0] as Span;
    const { end } = run.at(-1) as Span;
    const bytes = await bytesAt(dataAt + begin, dataAt + end);
    for (const span of run) small.set(span, bytes.subarray(span.begin - begin, span.end - begin));
  }
  proceed();
  const fetch: Fetch = (span, dtype, shape): Tensor => {
    const bytes = small.get(span);
    if (bytes !== undefined) return tensorOver(bytes, dtype, shape, true);
    return storedTensor(dtype, shape, { read: (target, from) => file.readSync(target, dataAt + span.begin + from) });
  };
  return decodeGraph(header, fetch);
}

/** Neighbours in the file, each small, to be read together. */
function runsOfSmall(spans: readonly Span[]): Span[][] {
  const runs: Span[][] = [];
  let open: Span[] | undefined;
  for (const span of spans) {
    if (span.end - span.begin >= LARGE_BYTES) open = undefined;
    else if (open !== undefined) open.push(span);
    else {
      open = [span];
      runs.push(open);
    }
  }
  return runs;
}

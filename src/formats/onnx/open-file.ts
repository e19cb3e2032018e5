/**
 * An ONNX file that is read as it is needed: messages and small tensors at once, a large tensor
 * whenever someone asks for its elements. So weights go from the file into their packed form, and
 * the file is never in memory. Not here: the format (./import.ts), data in files beside it
 * (./external.ts).
 */
import { isOpen } from '../../graph/open.js';
import { type Graph, topological } from '../../graph/value.js';
import { giveScratch, SCRATCH_BYTES, sourceOf, takeScratch } from '../../tensor/stored.js';
import { FilePart } from '../file-part.js';
import { LastingFile } from '../lasting-file.js';
import { pathOf } from '../path.js';
import type { ReadOptions } from '../read-file.js';
import type { OpenModel } from '../safetensors/model-file.js';
import { looksLikeSafetensors } from '../safetensors/safetensors.js';
import type { ImportOptions } from './import.js';

/** Smaller files are read whole. */
const LEAST_BYTES = 1 << 18;
const GZIP = [0x1f, 0x8b];

/**
 * Undefined if the file must be read whole or refused: it is small, missing, no regular file, too
 * large, of another format, or was written a moment ago.
 * @throws BitplaneError as importOnnx does; ERR_IO, what `reading.proceed` throws
 */
export async function openOnnxFile(
  source: string | URL,
  reading: ReadOptions & { readonly proceed: () => void },
  options: ImportOptions,
): Promise<OpenModel | undefined> {
  const file = await LastingFile.open(source, reading.limit);
  if (file === undefined) return undefined;
  let graph: Graph | undefined;
  try {
    if (await isOnnx(file)) {
      await readThrough(file, reading.proceed);
      // Loaded when first needed: it would add a fifth to the time of importing the package.
      const { importOnnxInTurns } = await import('./import.js');
      const bytes = new FilePart(file, 0, file.size);
      graph = await importOnnxInTurns(bytes, { path: pathOf(source), reading }, options);
    }
  } finally {
    if (graph === undefined || !needsFile(graph)) await file.close();
  }
  return graph && { graph, close: () => file.close() };
}

/** True for a file that is no other format that is known here, and large enough. */
async function isOnnx(file: LastingFile): Promise<boolean> {
  if (file.size < LEAST_BYTES) return false;
  const start = await file.read(0, new Uint8Array(16));
  return !GZIP.every((byte, i) => start[i] === byte) && !looksLikeSafetensors(start);
}

/**
 * Reads all of it once, so that the disk is waited for here, beside the event loop. What is read
 * later then comes from the system's cache.
 */
async function readThrough(file: LastingFile, proceed: () => void): Promise<void> {
  const buffer = takeScratch(SCRATCH_BYTES);
  try {
    for (let from = 0; from < file.size; from += buffer.length) {
      proceed();
      await file.read(from, buffer.subarray(0, file.size - from));
    }
  } finally {
    giveScratch(buffer);
  }
  proceed();
}

/** An open graph is made of the file for all sizes anew. */
function needsFile(graph: Graph): boolean {
  return (
    isOpen(graph) ||
    topological(graph).some(({ data }) => data !== undefined && sourceOf(data) !== undefined)
  );
}

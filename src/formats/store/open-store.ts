/**
 * A store over a file that stays open: what is large is read in parts, when it is packed, so that
 * no copy of the words beside the packed ones is ever in memory. Not here: the format (./store.ts).
 */
import { readingAsync } from '../../core/border.js';
import { crypto } from '../../core/builtins.js';
import { LastingFile } from '../lasting-file.js';
import {
  dataOffset,
  LENGTH_BYTES,
  readHeader,
  type StoredTensor,
} from '../safetensors/safetensors.js';
import { tensorIn } from './bits.js';
import {
  contents,
  looksLikeStore,
  MARK_BYTES,
  named,
  requireDescription,
  requireSum,
  type Store,
} from './store.js';

const PIECE_BYTES = 1 << 18;
/** Smaller tensors are kept in memory; of those that are packed once only what is tiny. */
const LARGE_BYTES = { own: 1 << 15, shared: 1 << 8 };

/** A store whose large tensors stay in its file. */
export interface OpenStore {
  readonly store: Store;
  /** Bytes of tensors that are in memory. */
  readonly heldBytes: number;
  /** Closes the file; its tensors can no longer be read. */
  close(): Promise<void>;
}

/**
 * The store of a file that stays open. All of it is read once, piece by piece, because every digest
 * is checked; what is large is read again, in parts, when it is packed. Undefined where the file
 * must be read whole: it is no store, or none that `LastingFile` opens.
 * @param proceed throws if opening is to stop
 * @throws BitplaneError as decodeStore does; ERR_IO
 */
export async function openStoreFile(
  path: string | URL,
  proceed: () => void,
  limit?: number,
): Promise<OpenStore | undefined> {
  const file = await LastingFile.open(path, limit);
  if (file === undefined) return undefined;
  let store: OpenStore | undefined;
  try {
    const start = await file.read(0, new Uint8Array(Math.min(MARK_BYTES, file.size)));
    const node = path instanceof URL ? path.href : path;
    if (looksLikeStore(start))
      store = await readingAsync({ op: 'store', node }, () => readStore(file, node, proceed));
  } finally {
    if (store === undefined) await file.close();
  }
  return store;
}

async function readStore(file: LastingFile, node: string, proceed: () => void): Promise<OpenStore> {
  const start = await file.read(0, new Uint8Array(LENGTH_BYTES));
  const dataAt = named(node, () => dataOffset(start, file.size));
  const header = await file.read(LENGTH_BYTES, new Uint8Array(dataAt - LENGTH_BYTES));
  const { metadata, spans } = named(node, () => readHeader(header, file.size - dataAt));
  const { text, known } = requireDescription(metadata, spans, node);
  const tensors = new Map<string, StoredTensor>();
  const buffer = new Uint8Array(PIECE_BYTES);
  let heldBytes = 0;
  for (const [name, span] of spans) {
    const length = span.end - span.begin;
    const at = dataAt + span.begin;
    const least = name.startsWith('shared/') ? LARGE_BYTES.shared : LARGE_BYTES.own;
    const small = length < least ? new Uint8Array(length) : undefined;
    const hash = crypto().createHash('sha256');
    for (let from = 0; from < length; from += PIECE_BYTES) {
      proceed();
      const piece = await file.read(at + from, buffer.subarray(0, length - from));
      hash.update(piece);
      small?.set(piece, from);
    }
    requireSum(known, name, hash.digest('hex'), node);
    heldBytes += small?.length ?? 0;
    const { dtype, shape } = span;
    const read = (target: Uint8Array, from: number) => file.readSync(at + from, target);
    tensors.set(
      name,
      small === undefined ? tensorIn({ read }, span, length) : { dtype, shape, data: small },
    );
  }
  proceed();
  const store = contents(JSON.parse(text), tensors, node);
  return { store, heldBytes, close: () => file.close() };
}

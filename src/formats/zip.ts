/**
 * ZIP archives as numpy writes them (PKWARE, APPNOTE.TXT 6.3.10): entries that are stored or
 * deflated, at most 4 GiB each. Not here: what the entries hold (npz.ts); encryption, archives of
 * several parts, entries beyond 4 GiB, which are refused.
 *
 * The directory at the end is what counts; the header before each entry says only where its bytes
 * begin.
 */
import { zlib } from '../core/builtins.js';
import { crc32 } from '../core/crc32.js';
import { BitplaneError, type ErrorSite, expected } from '../core/errors.js';
import { Budget } from '../core/limits.js';

/** A file of an archive. */
export interface Entry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const END = 0x06054b50;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const DIRECTORY_BYTES = 46;
const LOCAL_BYTES = 30;
/** A size of this value stands in a field of 64 bits elsewhere. */
const ELSEWHERE = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
const UTF8 = 0x800;
const MOST_COMMENT = 65_535;

/** True for what begins as an archive does, with an entry or, if it is empty, with its end. */
export function looksLikeZip(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.length >= 4 && [LOCAL, END].includes(view.getUint32(0, true));
}

/**
 * The entries of an archive, in its order.
 * @param maxBytes of all entries together, inflated
 * @throws BitplaneError ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT naming the entry
 */
export function readZip(bytes: Uint8Array, maxBytes: number, site: ErrorSite): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(view, site);
  const count = view.getUint16(end + 10, true);
  const whole = new Budget(maxBytes, 'the arrays of an archive');
  const entries: Entry[] = [];
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    if (at + DIRECTORY_BYTES > end || view.getUint32(at, true) !== DIRECTORY)
      throw broken(`its directory ends after ${i} of ${count} entries`, site);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      view.getUint16(at + offset, true),
    ) as [number, number, number];
    const next = at + DIRECTORY_BYTES + nameLength + extraLength + commentLength;
    if (next > end) throw broken(`its directory ends after ${i} of ${count} entries`, site);
    const name = Buffer.from(
      bytes.subarray(at + DIRECTORY_BYTES, at + DIRECTORY_BYTES + nameLength),
    ).toString('utf8');
    entries.push({ name, bytes: contents(bytes, view, at, { ...site, node: name }, whole) });
    at = next;
  }
  return entries;
}

/** Where the end of the directory stands, which only a comment follows. */
function endOf(view: DataView, site: ErrorSite): number {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - MOST_COMMENT); at--) {
    if (view.getUint32(at, true) !== END || view.getUint16(at + 20, true) !== last - at) continue;
    if (view.getUint16(at + 4, true) !== 0 || view.getUint32(at + 16, true) === ELSEWHERE)
      throw new BitplaneError(
        'ERR_UNSUPPORTED',
        'archives of several parts or beyond 4 GiB are not read',
        site,
      );
    return at;
  }
  throw broken('it is no ZIP archive, or cut short', site);
}

/** The bytes of the entry whose line in the directory is at `at`. */
function contents(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  site: ErrorSite,
  whole: Budget,
): Uint8Array {
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const [sum, packed, size, local] = [16, 20, 24, 42].map((offset) =>
    view.getUint32(at + offset, true),
  ) as [number, number, number, number];
  if ((flags & ENCRYPTED) !== 0 || [packed, size, local].includes(ELSEWHERE))
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      'entries that are encrypted or beyond 4 GiB are not read',
      site,
    );
  if (method !== STORED && method !== DEFLATED)
    throw expected(
      'ERR_UNSUPPORTED',
      'an entry that is stored or deflated',
      `method ${method}`,
      site,
    );
  if (local + LOCAL_BYTES > bytes.length || view.getUint32(local, true) !== LOCAL)
    throw broken('the header of this entry is not where the directory says', site);
  const from =
    local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (from + packed > bytes.length) throw broken('this entry is cut short', site);
  whole.take(size, site);
  const raw = bytes.subarray(from, from + packed);
  const out = method === STORED ? raw : inflated(raw, size, site);
  if (out.length !== size) throw expected('ERR_FORMAT', `${size} bytes`, out.length, site);
  if (crc32(out) !== sum) throw broken('the checksum of this entry is another', site);
  return out;
}

function inflated(raw: Uint8Array, size: number, site: ErrorSite): Uint8Array {
  try {
    // One byte more than is said shows that there are more.
    return zlib().inflateRawSync(raw, { maxOutputLength: size + 1 });
  } catch (cause) {
    throw new BitplaneError('ERR_FORMAT', 'expected an entry that inflates to what it says', {
      ...site,
      cause,
    });
  }
}

function broken(what: string, site: ErrorSite): BitplaneError {
  return new BitplaneError('ERR_FORMAT', `expected a whole archive but ${what}`, site);
}

/**
 * An archive of these entries, the same bytes for the same entries.
 * @throws BitplaneError ERR_LIMIT beyond 4 GiB or 65,534 entries
 */
export function writeZip(entries: readonly Entry[], compress: boolean, site: ErrorSite): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, bytes } of entries) {
    const title = Buffer.from(name, 'utf8');
    const data = compress ? zlib().deflateRawSync(bytes) : bytes;
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(UTF8, 2);
    head.writeUInt16LE(compress ? DEFLATED : STORED, 4);
    // The first of January 1980: no clock, so that equal arrays make equal files.
    head.writeUInt32LE(0x00210000, 6);
    if (Math.max(bytes.length, data.length, at) >= ELSEWHERE || title.length > 65_535)
      throw expected('ERR_LIMIT', 'an archive of less than 4 GiB', bytes.length, {
        ...site,
        node: name,
      });
    head.writeUInt32LE(crc32(bytes), 10);
    head.writeUInt32LE(data.length, 14);
    head.writeUInt32LE(bytes.length, 18);
    head.writeUInt16LE(title.length, 22);
    const line = Buffer.alloc(DIRECTORY_BYTES);
    line.writeUInt32LE(DIRECTORY, 0);
    line.writeUInt16LE(20, 4);
    head.copy(line, 6);
    line.writeUInt32LE(at, 42);
    directory.push(line, title);
    parts.push(mark(LOCAL), head, title, Buffer.from(data.buffer, data.byteOffset, data.length));
    at += 4 + head.length + title.length + data.length;
  }
  const end = Buffer.alloc(END_BYTES - 4);
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  if (entries.length >= 65_535 || at + length >= ELSEWHERE)
    throw expected('ERR_LIMIT', 'less than 4 GiB and 65,535 entries', entries.length, site);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, ...directory, mark(END), end]);
}

function mark(signature: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(signature);
  return bytes;
}

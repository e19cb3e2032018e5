/**
 * Reads enough of ELF files, the executables and libraries of Linux, to refuse one that was cut
 * short. Not here: other checks, which the system's loader makes and answers with an error.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Enough for the header and the program headers of every addon and of Node. */
const HEAD_BYTES = 4096;

// Offsets of ELF64, see elf(5): e_phoff, e_phentsize, e_phnum in the header; p_offset and p_filesz
// in each program header.
const HEADER_BYTES = 64;
const E_PHOFF = 32;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const P_OFFSET = 8;
const P_FILESZ = 32;
const P_BYTES = 56;

/** The beginning of a file, and how long the whole is. */
export function readHead(path: string): { readonly head: Buffer; readonly size: number } {
  // Non-blocking, because opening a pipe otherwise waits until somebody writes to it.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!fstatSync(file).isFile()) throw new Error('no regular file');
    const buffer = Buffer.alloc(HEAD_BYTES);
    return {
      head: buffer.subarray(0, readSync(file, buffer, 0, HEAD_BYTES, 0)),
      size: fstatSync(file).size,
    };
  } finally {
    closeSync(file);
  }
}

/**
 * Says that the file ends before a segment that its header announces. The system's loader would map
 * that segment unchecked, and the process would die of SIGBUS or SIGSEGV when it reads it.
 * Undefined for a whole file, and for a file that is no little-endian ELF64: the loaders of Linux,
 * macOS and Windows check other files themselves.
 * @throws the system's error for a file that cannot be read
 */
export function cutShort(path: string): string | undefined {
  const { head, size } = readHead(path);
  const isElf64 =
    head.length >= HEADER_BYTES && head.toString('latin1', 0, 6) === '\x7fELF\x02\x01';
  if (!isElf64) return undefined;
  const table = Number(head.readBigUInt64LE(E_PHOFF));
  const [entry, count] = [head.readUInt16LE(E_PHENTSIZE), head.readUInt16LE(E_PHNUM)];
  let end = table + entry * count;
  for (let at = table; at < table + entry * count && at + P_BYTES <= head.length; at += entry) {
    end = Math.max(
      end,
      Number(head.readBigUInt64LE(at + P_OFFSET) + head.readBigUInt64LE(at + P_FILESZ)),
    );
  }
  return end > size ? `cut short, ${size} of at least ${end} bytes: install it again` : undefined;
}

/**
 * The arrays that a command line names for the inputs of a model: .npy files, .npz files, and - for
 * standard input. Not here: which input a text means, and what an array becomes (read-feed.ts).
 */
import { BitplaneError, expected } from '../core/errors.js';
import { readBytes } from '../data/files.js';
import { readStoredNpy, type StoredArray } from '../formats/npy.js';
import { readStoredNpz } from '../formats/npz.js';
import { looksLikeZip } from '../formats/zip.js';
import type { TensorMetadata } from '../runtime/session-types.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Io } from './io.js';
import { asFeed, assign } from './read-feed.js';

export interface FileFeeds {
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** The file of each input, as the command line names it. */
  readonly files: ReadonlyMap<string, string>;
  /** Remarks to print: values that were rounded, arrays that nothing takes. */
  readonly notes: readonly string[];
}

const MAX_FEED = 2 ** 31;
/** Standard input, or output. */
export const STREAM = '-';

/** Arrays by name, or the one without a name of a .npy file. */
type Arrays = readonly (readonly [name: string | undefined, array: StoredArray])[];

/** @throws BitplaneError ERR_ARGUMENT, ERR_IO, ERR_FORMAT, ERR_FEED naming the file */
export async function feedsOfFiles(
  texts: readonly string[],
  inputs: readonly TensorMetadata[],
  io: Io,
): Promise<FileFeeds> {
  const names = inputs.map(({ name }) => name);
  const archives = new Set<string>();
  const found = new Map<string, { file: string; array: StoredArray }>();
  const opened = new Map<string, Arrays>();
  const open = async (file: string): Promise<Arrays> => {
    const before = opened.get(file);
    if (before !== undefined) return before;
    const arrays = arraysOf(
      file === STREAM ? await readStream(io) : await readBytes(file, MAX_FEED),
      file,
    );
    opened.set(file, arrays);
    return arrays;
  };
  // A file of several arrays without a name feeds every input that has one of them.
  const rest: string[] = [];
  for (const text of texts) {
    if (names.some((name) => text.startsWith(`${name}=`)) || !/\.npz$/i.test(text)) rest.push(text);
    else archives.add(text);
  }
  const notes: string[] = [];
  for (const file of archives) {
    const arrays = await open(file);
    const taken = arrays.filter(([name]) => names.includes(name as string));
    if (taken.length === 0)
      throw expected(
        'ERR_FEED',
        `arrays for ${names.join(', ')}`,
        `those of ${arrays.map(([name]) => name).join(', ') || 'nothing'}`,
        { op: '--input', node: file },
      );
    for (const [name, array] of taken) found.set(name as string, { file, array });
    const others = arrays.flatMap(([name]) => (names.includes(name as string) ? [] : [name]));
    if (others.length > 0) notes.push(`${file}: no input is called ${others.join(', ')}`);
  }
  const left = names.filter((name) => !found.has(name));
  const named = assign(rest, left, 'input', names);
  if ([...named.values()].filter((file) => file === STREAM).length > 1)
    throw expected('ERR_ARGUMENT', 'standard input once', 'twice', { op: '--input' });
  for (const [name, file] of named)
    found.set(name, { file, array: pick(await open(file), name, file) });

  const feeds: [string, Tensor][] = [];
  for (const { name, dtype } of inputs) {
    const entry = found.get(name);
    if (entry === undefined) continue;
    const { tensor, note } = asFeed(entry.array, name, dtype, entry.file);
    feeds.push([name, tensor]);
    if (note !== undefined) notes.push(note);
  }
  const files = new Map(feeds.map(([name]) => [name, found.get(name)?.file as string]));
  return { feeds: Object.fromEntries(feeds), files, notes };
}

function arraysOf(bytes: Uint8Array, file: string): Arrays {
  try {
    return looksLikeZip(bytes) ? readStoredNpz(bytes) : [[undefined, readStoredNpy(bytes)]];
  } catch (error) {
    // The reader sees only bytes, so the error gets the file's name here.
    if (error instanceof BitplaneError)
      throw new BitplaneError(error.code, error.message, { node: file, cause: error });
    throw error;
  }
}

/** The array of a file for an input: the one of its name, or the only one. */
function pick(arrays: Arrays, input: string, file: string): StoredArray {
  const own =
    arrays.find(([name]) => name === input) ?? (arrays.length === 1 ? arrays[0] : undefined);
  if (own !== undefined) return own[1];
  const names = arrays.map(([name]) => name).join(', ');
  throw expected('ERR_FEED', `an array ${input}`, `those of ${names || 'nothing'}`, {
    op: '--input',
    node: file,
  });
}

async function readStream({ stdin }: Io): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stdin ?? []) {
    length += part.length;
    if (length > MAX_FEED)
      throw expected('ERR_FORMAT', `at most ${MAX_FEED} bytes`, 'more', { node: 'standard input' });
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/**
 * `bitplane run`: a model once, on .npy files.
 */
import { basename } from 'node:path';
import { type DType, isSubByte } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { showShape } from '../core/shape.js';
import { readBytes } from '../data/files.js';
import { inFile, readStoredNpy, type StoredArray, writeNpy } from '../formats/npy.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { Tensor } from '../tensor/tensor.js';
import { microseconds, three } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { withSession } from './open-session.js';
import type { SessionFlags } from './options.js';
import { runRows } from './run-rows.js';
import { facts, table } from './table.js';

export interface RunFlags extends SessionFlags {
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly json?: boolean;
}

const MAX_FEED = 2 ** 31;

export async function run(model: string, flags: RunFlags, io: Io): Promise<void> {
  await withSession(model, flags, io, async (session) => {
    const inputs = assign(flags.input ?? [], session.inputNames, 'input');
    const outputs = assign(flags.output ?? [], session.outputNames, 'output');
    const missing = session.inputNames.find((name) => !inputs.has(name));
    if (missing !== undefined)
      throw new BitplaneError(
        'ERR_FEED',
        `expected --input ${missing}=FILE.npy but it is missing`,
        { op: 'run', node: missing },
      );

    const notes: string[] = [];
    const read: [string, Tensor][] = [];
    for (const { name, dtype } of session.inputMetadata) {
      const file = inputs.get(name) as string;
      const { tensor, note } = await readFeed(file, name, dtype);
      read.push([name, tensor]);
      if (note !== undefined) notes.push(note);
    }
    if (flags.json !== true) for (const note of notes) io.stderr.write(`bitplane: ${note}\n`);
    const feeds = Object.fromEntries(read);
    const began = performance.now();
    const results = await runRows(session, feeds);
    const us = (performance.now() - began) * 1000;
    for (const [name, file] of outputs)
      await writeFileAtomic(file, writeNpy(results[name] as Tensor));

    const rows = session.outputNames.map((name) =>
      describe(name, results[name] as Tensor, outputs.get(name)),
    );
    const { isa, threads } = session.info;
    if (flags.json === true) {
      printJson(io, {
        model,
        isa,
        threads,
        us,
        inputs: [...inputs].map(([name, file]) => describe(name, feeds[name] as Tensor, file)),
        outputs: rows,
        notes,
      });
      return;
    }
    printLines(
      io,
      facts([
        ['model', basename(model)],
        ['run', `${microseconds(us)} with ${threads} thread${threads === 1 ? '' : 's'}, ${isa}`],
      ]),
      '',
      table(
        [
          { title: 'output', cell: (row) => row.name },
          { title: 'dtype', cell: (row) => row.dtype },
          { title: 'shape', cell: (row) => showShape(row.shape) },
          { title: 'first values', cell: (row) => firstValues(results[row.name] as Tensor) },
          { title: 'file', cell: (row) => row.file ?? 'not written' },
        ],
        rows,
      ),
    );
  });
}

/**
 * The file of each name: `NAME=FILE` by name, then files without a name in the order of the
 * remaining names.
 */
export function assign(
  texts: readonly string[],
  names: readonly string[],
  kind: string,
): Map<string, string> {
  const files = new Map<string, string>();
  const bare: string[] = [];
  for (const text of texts) {
    // A name may hold '=' itself, so the text is compared with each name of the model.
    const name = names.find((candidate) => text.startsWith(`${candidate}=`));
    // A word before '=' that is neither a folder nor a name of the model is a misspelt name; a path
    // that contains '=' can begin with ./
    const word = /^([^/\\=]+)=/.exec(text)?.[1];
    if (name === undefined && word !== undefined)
      throw expected('ERR_ARGUMENT', `the name of an ${kind}, ${names.join(', ')}`, word, {
        op: `--${kind}`,
      });
    if (name === undefined) bare.push(text);
    else if (files.has(name))
      throw expected('ERR_ARGUMENT', `one file for ${kind} ${name}`, 'two', { op: `--${kind}` });
    else files.set(name, text.slice(name.length + 1));
  }
  for (const file of bare) {
    const name = names.find((candidate) => !files.has(candidate));
    if (name === undefined)
      throw expected(
        'ERR_ARGUMENT',
        `[NAME=]FILE.npy for ${kind}s ${names.join(', ')}, each once`,
        file,
        { op: `--${kind}` },
      );
    files.set(name, file);
  }
  return files;
}

/** The array of a file for an input, and a remark if values were rounded or converted. */
async function readFeed(
  file: string,
  input: string,
  dtype: DType,
): Promise<{ tensor: Tensor; note?: string }> {
  const bytes = await readBytes(file, MAX_FEED);
  const { tensor, stored, rounded } = readFile(bytes, file);
  if (dtype === 'b1')
    throw new BitplaneError(
      'ERR_FEED',
      `input ${input} takes bits (b1), which no .npy file holds`,
      { op: 'run', node: file },
    );
  const wanted = inFile(dtype).name;
  if (stored === wanted && isSubByte(dtype))
    return { tensor: new Tensor(dtype, tensor.data as never, tensor.shape) };
  if (tensor.dtype !== dtype) {
    const what = `an array of ${wanted} for input ${input}`;
    throw expected(
      'ERR_FEED',
      what,
      `${stored} values; numpy's astype("${wanted}") converts them`,
      { op: 'run', node: file },
    );
  }
  if (stored === 'bool') return { tensor, note: `${file}: bool is read as uint8, 0 and 1` };
  if (rounded === 0) return { tensor };
  return {
    tensor,
    note: `${file}: ${stored} is read as float32, which rounds ${rounded} of ${tensor.size} values`,
  };
}

function readFile(bytes: Uint8Array, file: string): StoredArray {
  try {
    return readStoredNpy(bytes);
  } catch (error) {
    // The reader sees only bytes, so the error gets the file's name here.
    if (error instanceof BitplaneError)
      throw new BitplaneError(error.code, error.message, { node: file, cause: error });
    throw error;
  }
}

function describe(name: string, tensor: Tensor, file: string | undefined) {
  return {
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    ...(file === undefined ? {} : { file }),
  };
}

function firstValues(tensor: Tensor): string {
  const shown = Array.from(tensor.data.subarray(0, 4), three);
  return `${shown.join(' ')}${tensor.data.length > shown.length ? ' ...' : ''}`;
}

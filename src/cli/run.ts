/**
 * `bitplane run`: a model once, on .npy files or on pictures. Not here: pictures (run-pictures.ts).
 */
import { basename } from 'node:path';
import { BitplaneError, expected } from '../core/errors.js';
import { showShape } from '../core/shape.js';
import { writeNpy } from '../formats/npy.js';
import { writeNpz } from '../formats/npz.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { runRows } from '../runtime/run-rows.js';
import type { Tensor } from '../tensor/tensor.js';
import { feedsOfFiles, STREAM } from './feeds-of-files.js';
import { microseconds, three } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { type Elsewhere, notHere, refuseElsewhere } from './not-here.js';
import { withSession } from './open-session.js';
import type { SessionFlags } from './options.js';
import { assign } from './read-feed.js';
import { runPictures } from './run-pictures.js';
import { isSameFile, requireOther } from './same-file.js';
import { facts, table } from './table.js';
import { isQuiet, whileWaiting } from './waiting.js';

export interface RunFlags extends SessionFlags {
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly image?: readonly string[];
  readonly preprocess?: string;
  readonly maxPixels?: number;
  readonly html?: string;
  readonly json?: boolean;
}

const WITH_PICTURES: Elsewhere<RunFlags> = [
  ['preprocess', '--preprocess', '.npy files are fed as they are; --image takes pictures'],
  ['maxPixels', '--max-pixels', 'it is for pictures, which --image takes'],
  ['html', '--html', 'a page shows pictures, which --image takes'],
];
const WITH_ARRAYS: Elsewhere<RunFlags> = [
  ['input', '--input', '--image gives the feeds'],
  ['output', '--output', '--image prints labels; --json has the scores'],
];

/** Resolves to the exit code. */
export async function run(model: string, flags: RunFlags, io: Io): Promise<number> {
  const { image } = flags;
  refuseElsewhere(flags, image === undefined ? WITH_PICTURES : WITH_ARRAYS);
  return withSession(model, flags, io, async (session) => {
    if (image !== undefined) return runPictures(session, model, { ...flags, image }, io);
    const targets = outputFiles(flags.output ?? [], session.outputNames);
    if (targets.stream !== undefined && flags.json === true)
      throw notHere('--json', 'standard output is taken by --output -');
    const { feeds, files, notes } = await feedsOfFiles(
      flags.input ?? [],
      session.inputMetadata,
      io,
    );
    const missing = session.inputNames.find((name) => !files.has(name));
    if (missing !== undefined)
      throw new BitplaneError(
        'ERR_FEED',
        `expected --input ${missing}=FILE.npy but it is missing`,
        { op: 'run', node: missing },
      );
    for (const [file] of targets.files)
      requireOther(file, [model], '--output', [...files.values()]);
    if (flags.json !== true) for (const note of notes) io.stderr.write(`bitplane: ${note}\n`);
    const began = performance.now();
    const work = () => runRows(session, feeds);
    const results = await whileWaiting(io, 'running', work, isQuiet(flags, io));
    const us = (performance.now() - began) * 1000;
    for (const [file, names] of targets.files)
      await writeFileAtomic(file, encoded(file, names, results));
    if (targets.stream !== undefined) {
      io.stdout.write(writeNpy(results[targets.stream] as Tensor));
      return 0;
    }
    const rows = session.outputNames.map((name) =>
      describe(name, results[name] as Tensor, targets.fileOf(name)),
    );
    const batch = Object.values(feeds).reduce((n, { shape }) => Math.max(n, shape[0] ?? 1), 1);
    const { isa, threads } = session.info;
    if (flags.json === true) {
      printJson(io, {
        model,
        isa,
        threads,
        us,
        inputs: [...files].map(([name, file]) => describe(name, feeds[name] as Tensor, file)),
        outputs: rows,
        notes,
      });
      return 0;
    }
    printLines(
      io,
      facts([
        ['model', basename(model)],
        [
          'run',
          `${microseconds(us)} with ${threads} thread${threads === 1 ? '' : 's'}, ${isa}` +
            (batch > 1 ? `, ${three((1e6 * batch) / us)} images/s` : ''),
        ],
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
    return 0;
  });
}

interface OutputFiles {
  /** The outputs that each file holds. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  /** The output that goes to standard output. */
  readonly stream: string | undefined;
  fileOf(name: string): string | undefined;
}

/** Where each output goes: a .npz file without a name holds all of them. */
function outputFiles(texts: readonly string[], names: readonly string[]): OutputFiles {
  const isWhole = (text: string) =>
    /\.npz$/i.test(text) && !names.some((name) => text.startsWith(`${name}=`));
  const own = assign(
    texts.filter((text) => !isWhole(text)),
    names,
    'output',
  );
  const streams = [...own].filter(([, file]) => file === STREAM);
  if (streams.length > 1)
    throw expected('ERR_ARGUMENT', 'standard output once', 'twice', { op: '--output' });
  const files = new Map<string, readonly string[]>();
  const put = (file: string, held: readonly string[]) => {
    if ([...files.keys()].some((other) => isSameFile(other, file)))
      throw expected('ERR_ARGUMENT', 'a file for each --output', `${file} twice`, {
        op: '--output',
      });
    files.set(file, held);
  };
  for (const [name, file] of own) if (file !== STREAM) put(file, [name]);
  for (const file of texts.filter(isWhole)) put(file, names);
  return {
    files,
    stream: streams[0]?.[0],
    fileOf: (name) => own.get(name) ?? [...files].find(([, held]) => held.includes(name))?.[0],
  };
}

function encoded(
  file: string,
  names: readonly string[],
  results: Readonly<Record<string, Tensor>>,
): Uint8Array {
  const tensors = names.map((name) => [name, results[name] as Tensor] as const);
  if (/\.npz$/i.test(file)) return writeNpz(Object.fromEntries(tensors));
  return writeNpy((tensors[0] as readonly [string, Tensor])[1]);
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

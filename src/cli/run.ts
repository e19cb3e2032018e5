/**
 * `bitplane run`: a model once, on .npy files or on pictures. Not here: pictures (run-pictures.ts).
 */
import { basename } from 'node:path';
import { BitplaneError } from '../core/errors.js';
import { showShape } from '../core/shape.js';
import { writeNpy } from '../formats/npy.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { runRows } from '../runtime/run-rows.js';
import type { Tensor } from '../tensor/tensor.js';
import { microseconds, three } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { type Elsewhere, refuseElsewhere } from './not-here.js';
import { withSession } from './open-session.js';
import type { SessionFlags } from './options.js';
import { assign, readFeed } from './read-feed.js';
import { runPictures } from './run-pictures.js';
import { facts, table } from './table.js';

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
      return 0;
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
    return 0;
  });
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

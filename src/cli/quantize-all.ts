/**
 * `quantize --method all`: every method without data on one network, a file each in a folder, and
 * the table that compares them. Not here: one method (quantize.ts).
 */
import { join } from 'node:path';
import { BitplaneError, expected } from '../core/errors.js';
import { makeFolder, writeFileAtomic } from '../formats/write-file.js';
import { bytes, percent } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { notHere } from './not-here.js';
import { distills, type QuantizeFlags, quantizeFile, type Told } from './quantize.js';
import { METHODS, type MethodName, methodName, TRAINED } from './quantize-options.js';
import { htmlTable, page } from './report/page.js';
import { type Column, table } from './table.js';

/** A method, and what came of it: a network, or the sentence that says why none did. */
interface Row {
  readonly method: MethodName;
  readonly told: Told['document'] | undefined;
  readonly why: string | undefined;
}

export async function quantizeAll(
  from: string,
  to: string,
  flags: Omit<QuantizeFlags, 'method'>,
  io: Io,
): Promise<void> {
  if (/\.safetensors$/i.test(to))
    throw expected('ERR_ARGUMENT', 'OUT to be a folder for --method all', to, { op: 'quantize' });
  if (flags.steps !== undefined)
    throw notHere('--steps', 'methods count different things in steps');
  await makeFolder(to);
  const rows: Row[] = [];
  let refused: BitplaneError | undefined;
  for (const method of METHODS as readonly MethodName[]) {
    if (TRAINED.includes(method) && flags.epochs === undefined) {
      rows.push({ method, told: undefined, why: 'trains for hours: --epochs N lets it take part' });
      continue;
    }
    try {
      const file = join(to, `${method}.safetensors`);
      const { document } = await quantizeFile(from, file, flagsOf(method, to, flags), io);
      rows.push({ method, told: document, why: undefined });
    } catch (error) {
      if (!(error instanceof BitplaneError) || error.code === 'ERR_ABORTED') throw error;
      refused ??= error;
      rows.push({ method, told: undefined, why: error.message });
    }
  }
  if (refused !== undefined && rows.every(({ told }) => told === undefined)) throw refused;
  if (flags.html !== undefined) {
    const text = page('Methods without data', [
      { title: 'Comparison', body: htmlTable(COLUMNS, rows) },
    ]);
    await writeFileAtomic(flags.html, Buffer.from(text));
  }
  if (flags.json === true)
    printJson(io, {
      in: from,
      out: to,
      methods: rows.map(({ method, told, why }) => ({ method, error: why ?? null, ...told })),
      html: flags.html ?? null,
    });
  else printLines(io, table(COLUMNS, rows));
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'method', cell: ({ method }) => methodName(method) },
  {
    title: 'size',
    cell: ({ told }) => (told === undefined ? '' : bytes(told.outBytes)),
    align: 'right',
  },
  { title: 'top-1 before', cell: ({ told }) => top1(told?.accuracy?.before), align: 'right' },
  { title: 'top-1 after', cell: ({ told }) => top1(told?.accuracy?.after), align: 'right' },
  { title: 'remark', cell: ({ why = '' }) => why },
];

function top1(share: { readonly top1: number } | undefined): string {
  return share === undefined ? '' : percent(share.top1);
}

/** The options that a method takes, and a page of its own beside its file. */
function flagsOf(
  method: MethodName,
  folder: string,
  given: Omit<QuantizeFlags, 'method'>,
): QuantizeFlags {
  const { clipping, correct, mixed, perChannel, html, epochs, resume, seed, ...flags } = given;
  const isTrained = TRAINED.includes(method);
  return {
    ...flags,
    method,
    ...(method === 'aciq' && clipping !== undefined && { clipping }),
    ...(method === 'dfq' && correct !== undefined && { correct }),
    ...(method === 'zeroq' && mixed !== undefined && { mixed }),
    ...(method !== 'zeroq' && method !== 'gdfq' && perChannel !== undefined && { perChannel }),
    ...(isTrained && epochs !== undefined && { epochs }),
    ...(isTrained && resume !== undefined && { resume }),
    ...((distills({ method, correct }) || isTrained) && seed !== undefined && { seed }),
    ...(html !== undefined && { html: join(folder, `${method}.html`) }),
  };
}

/**
 * `bitplane run MODEL --image`: pictures in, the best classes of each out. Not here: .npy files
 * (run.ts), accuracy (eval.ts), what a sheet looks like (report/contact-sheet.ts).
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { BitplaneError, expected } from '../core/errors.js';
import { fillBatch } from '../data/accuracy.js';
import type { Skipped } from '../data/dataset.js';
import { MAX_PIXELS } from '../data/decode-picture.js';
import { checkFit, fittedNote } from '../data/fit-input.js';
import { isBroken, listPictures } from '../data/folder.js';
import { batchOf, fittedPicture } from '../data/image-to-tensor.js';
import { inParallel } from '../data/in-parallel.js';
import type { Recipe } from '../data/recipe.js';
import type { Pixels } from '../data/resize.js';
import { type Top, topKRows } from '../data/top-k.js';
import type { Session } from '../formats/session.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { runRows } from '../runtime/run-rows.js';
import type { TensorMetadata } from '../runtime/session-types.js';
import type { Tensor } from '../tensor/tensor.js';
import { findRecipe } from './find-recipe.js';
import { three } from './format.js';
import { type Io, printJson, printLines, verbatim } from './io.js';
import { startProgress } from './progress.js';
import { contactSheet } from './report/contact-sheet.js';
import { requireOther } from './same-file.js';
import { facts, table } from './table.js';

export interface PictureFlags {
  readonly image: readonly string[];
  readonly preprocess?: string;
  readonly maxPixels?: number;
  readonly html?: string;
  readonly json?: boolean;
}

/** A picture, and its best classes. */
export interface Answered {
  readonly file: string;
  readonly top: readonly Top[];
}

/** Pictures a run. */
const BATCH = 32;
const BEST = 5;
const OP = '--image';

/** Resolves to the exit code: 1 where a picture could not be read. */
export async function runPictures(
  session: Session,
  model: string,
  flags: PictureFlags,
  io: Io,
): Promise<number> {
  const recipe = await findRecipe(model, session.graph, flags.preprocess);
  const files = await filesOf(flags.image);
  const { html, preprocess } = flags;
  if (html !== undefined)
    requireOther(html, [model], '--html', [...files, ...(preprocess ? [preprocess] : [])]);
  const progress = startProgress(io, 'run', files.length, flags.json === true);
  const began = performance.now();
  const { answers, skipped, notes, pictures } = await answersOf(session, recipe, files, flags, {
    remarks: recipe.isFitted === true ? [fittedNote(recipe)] : [],
    onProgress: (done) => progress.update(done),
  }).finally(() => progress.finish());
  const imagesPerSecond = answers.length / ((performance.now() - began) / 1000);
  const { isa, threads } = session.info;
  const about = [
    ['model', basename(model)],
    ['preprocessing', recipe.source],
    ['images', `${answers.length}, ${three(imagesPerSecond)} images/s with ${isa}`],
  ] as const;
  if (flags.html !== undefined)
    await writeFileAtomic(
      flags.html,
      Buffer.from(
        contactSheet({ title: basename(model), about, answers, pictures, skipped, notes }),
      ),
    );
  if (flags.json === true) {
    const known = { default: recipe.isDefault === true, preprocess: recipe.preprocess };
    const ran = { preprocess: recipe.source, recipe: verbatim(known), imagesPerSecond };
    const page = flags.html === undefined ? {} : { html: flags.html };
    printJson(io, { model, isa, threads, images: answers, skipped, ...ran, notes, ...page });
    return skipped.length > 0 ? 1 : 0;
  }
  for (const note of notes) io.stderr.write(`bitplane: ${note}\n`);
  printLines(io, facts(about), '', tableOf(answers));
  for (const { why } of skipped) io.stderr.write(`bitplane: skipped ${why}\n`);
  if (flags.html !== undefined) io.stderr.write(`bitplane: wrote ${flags.html}\n`);
  return skipped.length > 0 ? 1 : 0;
}

/** The files of a command line; a folder stands for the pictures in it. */
async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
    if (!isFolder) files.push(path);
    else
      for (const each of (await listPictures(path, { labelled: false })).pictures)
        files.push(each.path);
  }
  return files;
}

function requireLabels({ labels, source }: Recipe, classes: number): void {
  if (labels !== undefined && labels.length < classes)
    throw expected('ERR_ARGUMENT', `${classes} labels, one a score,`, labels.length, {
      op: OP,
      node: source,
    });
}

interface Answers {
  readonly answers: readonly Answered[];
  readonly skipped: readonly Skipped[];
  readonly notes: readonly string[];
  /** As the network saw them, where a page is to show them. */
  readonly pictures: readonly Pixels[];
}

async function answersOf(
  session: Session,
  recipe: Recipe,
  files: readonly string[],
  { maxPixels = MAX_PIXELS, html }: PictureFlags,
  { remarks, onProgress }: { remarks: readonly string[]; onProgress: (done: number) => void },
): Promise<Answers> {
  const [input, output] = endsOf(session);
  const answers: Answered[] = [];
  const skipped: Skipped[] = [];
  const pictures: Pixels[] = [];
  const notes = new Set<string>(remarks);
  if (recipe.isDefault === true) notes.add(`no preprocessing is known: ${recipe.source}`);
  const read = async (file: string) => {
    try {
      return { file, pixels: await fittedPicture(file, file, recipe.preprocess, maxPixels) };
    } catch (error) {
      if (files.length === 1 || !isBroken(error)) throw error;
      return { file, why: error.message };
    }
  };
  for (let from = 0; from < files.length; from += BATCH) {
    const all = await inParallel(files.slice(from, from + BATCH), read);
    for (const each of all) if ('why' in each) skipped.push(each as Skipped);
    const good = all.filter((each) => 'pixels' in each) as { file: string; pixels: Pixels }[];
    const [first] = good;
    if (first === undefined) continue;
    const { height, width, channels } = first.pixels;
    const shape = [height, width, channels as 1 | 3] as const;
    const set = { name: first.file, pictureShape: shape };
    for (const note of checkFit(input, set, recipe)) notes.add(note);
    const x = batchOf(
      good.map(({ pixels }) => pixels),
      recipe.preprocess,
      (i) => (good[i] as { file: string }).file,
    );
    const results = await runRows(session, { [input.name]: fillBatch(x, input.shape[0]) });
    const scores = results[output.name] as Tensor;
    requireLabels(recipe, scores.size / (scores.shape[0] as number));
    const rows = topKRows(scores, BEST, recipe.labels);
    for (const [i, { file, pixels }] of good.entries()) {
      answers.push({ file, top: rows[i] as Top[] });
      if (html !== undefined) pictures.push(pixels);
    }
    onProgress(from + all.length);
  }
  const [broken] = skipped;
  if (answers.length === 0 && broken !== undefined)
    throw new BitplaneError(
      'ERR_FORMAT',
      `expected pictures that can be read but all ${skipped.length} are broken, such as ` +
        broken.why,
      { op: OP },
    );
  return { answers, skipped, notes: [...notes], pictures };
}

/** The input that takes pictures and the output that gives scores. */
function endsOf(session: Session): readonly [TensorMetadata, TensorMetadata] {
  const { inputMetadata, outputMetadata } = session;
  const [input] = inputMetadata;
  if (inputMetadata.length !== 1 || input?.dtype !== 'f32') {
    const kinds = inputMetadata.map(({ name, dtype }) => `${name} of ${dtype}`).join(', ');
    throw expected('ERR_FEED', 'a model with one input of dtype f32', kinds, { op: OP });
  }
  return [input, outputMetadata[0] as TensorMetadata];
}

function tableOf(answers: readonly Answered[]) {
  const rows = answers.flatMap(({ file, top }) =>
    top.map((each, rank) => ({ file: rank === 0 ? file : '', ...each })),
  );
  return table(
    [
      { title: 'image', cell: (row) => row.file },
      { title: 'label', cell: (row) => row.label },
      { title: 'score', cell: (row) => three(row.score), align: 'right' },
    ],
    rows,
  );
}

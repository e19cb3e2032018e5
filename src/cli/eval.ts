/**
 * `bitplane eval`: the accuracy of a model on a data set. Not here: the measuring
 * (src/data/accuracy.ts).
 */
import { basename } from 'node:path';
import { measureAccuracy } from '../data/accuracy.js';
import type { Split } from '../data/dataset.js';
import { checkFit, classCount } from '../data/fit-input.js';
import { findRecipe, recipeNotes } from './find-recipe.js';
import { percent, three } from './format.js';
import { type Io, printJson, printLines, verbatim } from './io.js';
import { dataFolder, openDataset } from './open-dataset.js';
import { withSession } from './open-session.js';
import type { DatasetName, SessionFlags } from './options.js';
import { startProgress } from './progress.js';
import { facts } from './table.js';

/** How many broken pictures the text output names. */
const NAMED = 10;

export interface EvalFlags extends SessionFlags {
  readonly dataset: DatasetName;
  readonly data?: string;
  readonly split?: Split;
  readonly limit?: number;
  readonly batch?: number;
  readonly preprocess?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

export async function evalCommand(model: string, flags: EvalFlags, io: Io): Promise<void> {
  const dir = dataFolder(flags.data, io);
  await withSession(model, flags, io, async (session) => {
    const recipe = await findRecipe(model, session.graph, flags.preprocess);
    const outputs = classCount(session.outputMetadata[0]?.shape ?? []);
    const { split, strict } = flags;
    const data = await openDataset(flags.dataset, { dir, split, recipe, outputs, strict });
    const input = session.inputMetadata[0];
    const notes = [
      ...recipeNotes(model, recipe),
      ...(input === undefined ? [] : checkFit(input, data, recipe)),
      ...data.notes,
    ];
    if (flags.json !== true) printLines(io, notes);

    const total = Math.min(data.size, flags.limit ?? data.size);
    const progress = startProgress(
      io,
      'eval',
      total,
      flags.json === true && io.stderr.isTTY !== true,
    );
    const result = await measureAccuracy(session, data, recipe.preprocess, {
      limit: flags.limit,
      batch: flags.batch,
      onProgress: (done) => progress.update(done),
    }).finally(() => progress.finish());

    if (flags.json === true) {
      const { isa, threads } = session.info;
      const known = { default: recipe.isDefault === true, preprocess: recipe.preprocess };
      printJson(io, {
        model,
        dataset: data.name,
        ...result,
        preprocess: recipe.source,
        recipe: verbatim(known),
        notes,
        isa,
        threads,
      });
      return;
    }
    const { skipped } = result;
    printLines(
      io,
      facts([
        ['model', basename(model)],
        ['data set', data.name],
        ['preprocessing', recipe.source],
        ['top-1', percent(result.top1)],
        ['top-5', percent(result.top5)],
        ['images', String(result.n)],
        ...(skipped.length === 0
          ? []
          : [['skipped', `${skipped.length}, which cannot be read`] as const]),
        ['images/s', three(result.imagesPerSecond)],
      ]),
      skipped.slice(0, NAMED).map(({ why }) => `skipped ${why}`),
      skipped.length > NAMED ? [`and ${skipped.length - NAMED} more, which --json names`] : [],
    );
  });
}

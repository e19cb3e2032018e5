/**
 * `quantize --method gdfq`: GDFQ with progress, a checkpoint beside the network that --resume goes
 * on from, and what the report says of it. Not here: the method (src/methods/gdfq).
 */
import { expected } from '../core/errors.js';
import type { Recipe } from '../data/recipe.js';
import type { Graph } from '../graph/value.js';
import { GDFQ_EPOCHS, type GdfqOptions, gdfq } from '../methods/gdfq/gdfq.js';
import type { QuantChoice } from '../quant/network/options.js';
import { readCheckpoint } from '../train/checkpoint.js';
import type { EpochRecord } from '../train/history.js';
import { duration } from './format.js';
import type { QuantizeFlags } from './quantize.js';
import type { ByMethod, Work } from './quantize-method.js';
import { methodName } from './quantize-options.js';
import { lineChart } from './report/line-chart.js';
import { htmlCharts, type Section } from './report/page.js';
import { pictureRow } from './report/pictures.js';
import { stopOnInterrupt } from './stop-on-interrupt.js';
import { startTrainingProgress } from './training-progress.js';

export async function quantizeByGdfq(
  graph: Graph,
  flags: QuantizeFlags,
  recipe: Recipe | undefined,
  { io, silent, session, to }: Work,
): Promise<ByMethod> {
  const { weights, activations, ends, as, epochs, seed, steps, resume } = flags;
  const checkpoint = to.replace(/\.safetensors$/i, '.checkpoint.safetensors');
  const options: GdfqOptions = {
    weights: bitsOf(weights, '--weights'),
    activations: bitsOf(activations, '--activations'),
    session,
    checkpoint,
    ...(ends !== undefined && { ends }),
    ...(as !== undefined && { as }),
    ...(epochs !== undefined && { epochs }),
    ...(seed !== undefined && { seed }),
    ...(steps !== undefined && { steps }),
    ...(resume !== undefined && { resume }),
  };
  const stop = stopOnInterrupt();
  const progress = startTrainingProgress(io, {
    epochs: epochs ?? GDFQ_EPOCHS,
    done: resume === true ? await epochsDone(checkpoint) : 0,
    silent,
  });
  const result = await gdfq(graph, {
    ...options,
    signal: stop.signal,
    onStep: progress.onStep,
    onEpoch: progress.onEpoch,
  }).finally(() => {
    progress.finish();
    stop.end();
  });
  const { history, pictures } = result;
  const row = pictureRow(pictures, recipe?.preprocess, (i) => `generated picture ${i}`);
  return {
    quantized: result,
    notes: [
      `${methodName('gdfq')}: no data was read to quantize`,
      `trained for ${history.length} epochs, ` +
        duration(history.reduce((sum, { seconds }) => sum + seconds, 0)),
    ],
    sections: [
      ...(row === undefined ? [] : [{ title: 'Generated pictures', body: row }]),
      curves(history),
    ],
    facts: { history },
  };
}

/** What a training that goes on had done; a damaged checkpoint is refused where it is used. */
async function epochsDone(path: string): Promise<number> {
  return await readCheckpoint(path).then(
    ({ epoch }) => epoch,
    () => 0,
  );
}

function bitsOf(choice: QuantChoice | undefined, option: string): number {
  if (typeof choice === 'number') return choice;
  throw expected('ERR_ARGUMENT', 'a number of bits, 2 to 8, for a method that trains', choice, {
    op: option,
  });
}

function curves(history: readonly EpochRecord[]): Section {
  const x = history.map(({ epoch }) => epoch);
  const begins = history.findIndex(({ phase }) => phase === 'train');
  const marks = begins > 0 ? [{ at: x[begins]!, name: 'train' }] : [];
  const metric = (name: string) => ({
    name,
    values: history.map(({ metrics }) => metrics?.[name] ?? null),
  });
  const chart = (title: string, lines: Parameters<typeof lineChart>[0]['lines']) => ({
    caption: `${title}, by epoch`,
    chart: lineChart({ title, x, lines, marks }),
  });
  const trained = (values: (record: EpochRecord) => number) =>
    history.map((record) => (record.phase === 'train' ? values(record) : null));
  return {
    title: 'Training',
    body: htmlCharts([
      chart('losses of the generator', [metric('class loss'), metric('statistics loss')]),
      chart('loss of the network', [{ name: 'loss', values: trained(({ loss }) => loss) }]),
      chart('percent of generated pictures answered as asked', [
        { name: 'network', values: history.map(({ trainAccuracy }) => trainAccuracy) },
      ]),
    ]),
  };
}

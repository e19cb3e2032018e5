/**
 * `quantize --method gdfq` and zaq: methods that train, with progress, a checkpoint beside the
 * network that --resume goes on from, and what the report says of them. Not here: the methods
 * (src/methods).
 */
import { existsSync } from 'node:fs';
import { expected } from '../core/errors.js';
import type { Recipe } from '../data/recipe.js';
import type { Graph } from '../graph/value.js';
import { GDFQ_EPOCHS, type GdfqOptions, gdfq } from '../methods/gdfq/gdfq.js';
import { ZAQ_EPOCHS, type ZaqOptions } from '../methods/zaq/options.js';
import { zaq } from '../methods/zaq/zaq.js';
import type { QuantChoice } from '../quant/network/options.js';
import type { Quantized } from '../quant/network/quantize-prepared.js';
import type { Tensor } from '../tensor/tensor.js';
import { readCheckpoint } from '../train/checkpoint.js';
import type { EpochRecord } from '../train/history.js';
import { duration } from './format.js';
import type { QuantizeFlags } from './quantize.js';
import type { ByMethod, Work } from './quantize-method.js';
import { type MethodName, methodName } from './quantize-options.js';
import { lineChart } from './report/line-chart.js';
import { htmlCharts, type Section } from './report/page.js';
import { pictureRow } from './report/pictures.js';
import { stopOnInterrupt } from './stop-on-interrupt.js';
import { startTrainingProgress } from './training-progress.js';

/** What a method that trains gives. */
interface Trained extends Quantized {
  readonly history: readonly EpochRecord[];
  readonly pictures: Tensor<'f32'>;
}

interface TrainedMethod {
  readonly name: MethodName;
  /** Epochs unless --epochs says otherwise. */
  readonly epochs: number;
  run(graph: Graph, options: GdfqOptions & ZaqOptions): Promise<Trained>;
  /** Numbers of an epoch that the page draws in one chart. */
  readonly losses: readonly string[];
  /** What it means that a picture is answered rightly. */
  readonly right: string;
}

const METHODS: readonly TrainedMethod[] = [
  {
    name: 'gdfq',
    epochs: GDFQ_EPOCHS,
    run: gdfq,
    losses: ['class loss', 'statistics loss'],
    right: 'percent of generated pictures answered as asked',
  },
  {
    name: 'zaq',
    epochs: ZAQ_EPOCHS,
    run: zaq,
    losses: ['generator loss', 'answer distance'],
    right: 'percent of generated pictures answered as the float network does',
  },
];

export async function quantizeByTraining(
  graph: Graph,
  flags: QuantizeFlags,
  recipe: Recipe | undefined,
  { io, silent, session, to }: Work,
): Promise<ByMethod> {
  const method = METHODS.find(({ name }) => name === flags.method) as TrainedMethod;
  const { weights, activations, perChannel, ends, as, epochs, seed, steps, resume } = flags;
  const checkpoint = to.replace(/\.safetensors$/i, '.checkpoint.safetensors');
  const options = {
    weights: bitsOf(weights, '--weights'),
    activations: bitsOf(activations, '--activations'),
    session,
    checkpoint,
    ...(perChannel !== undefined && { perChannel }),
    ...(ends !== undefined && { ends }),
    ...(as !== undefined && { as }),
    ...(epochs !== undefined && { epochs }),
    ...(seed !== undefined && { seed }),
    ...(steps !== undefined && { steps }),
    ...(resume !== undefined && { resume }),
  };
  if (resume === true && !existsSync(checkpoint))
    io.stderr.write(`bitplane: there is no ${checkpoint}: the training begins anew\n`);
  const stop = stopOnInterrupt();
  const progress = startTrainingProgress(io, {
    epochs: epochs ?? method.epochs,
    done: resume === true ? await epochsDone(checkpoint) : 0,
    silent,
  });
  const result = await method
    .run(graph, {
      ...options,
      signal: stop.signal,
      onStep: progress.onStep,
      onEpoch: progress.onEpoch,
    })
    .finally(() => {
      progress.finish();
      stop.end();
    });
  const { history, pictures } = result;
  const row = pictureRow(pictures, recipe?.preprocess, (i) => `generated picture ${i}`);
  return {
    quantized: result,
    notes: [
      `${methodName(method.name)}: no data was read to quantize`,
      `trained for ${history.length} epochs, ` +
        duration(history.reduce((sum, { seconds }) => sum + seconds, 0)),
    ],
    sections: [
      ...(row === undefined ? [] : [{ title: 'Generated pictures', body: row }]),
      curves(history, method),
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

function curves(history: readonly EpochRecord[], { losses, right }: TrainedMethod): Section {
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
      chart('losses of the generator', losses.map(metric)),
      chart('loss of the network', [{ name: 'loss', values: trained(({ loss }) => loss) }]),
      chart(right, [
        { name: 'network', values: history.map(({ trainAccuracy }) => trainAccuracy) },
      ]),
    ]),
  };
}

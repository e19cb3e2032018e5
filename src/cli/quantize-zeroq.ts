/**
 * `quantize --method zeroq`: ZeroQ with its progress, and what the report says of it: pictures,
 * sensitivities, the curve of size against error. Not here: the method (src/methods/zeroq).
 */
import type { Recipe } from '../data/recipe.js';
import type { Graph } from '../graph/value.js';
import { type ZeroqResult, zeroq } from '../methods/zeroq/zeroq.js';
import { bytes, three } from './format.js';
import { Progresses } from './progresses.js';
import type { QuantizeFlags } from './quantize.js';
import type { ByMethod, Work } from './quantize-method.js';
import { methodName } from './quantize-options.js';
import { lineChart } from './report/line-chart.js';
import { type HtmlColumn, htmlCharts, htmlTable, type Section } from './report/page.js';
import { pictureRow } from './report/pictures.js';

export async function quantizeByZeroq(
  graph: Graph,
  flags: QuantizeFlags,
  recipe: Recipe | undefined,
  { io, silent, session }: Work,
): Promise<ByMethod> {
  const { weights, activations, ends, layer, as, mixed, seed, steps } = flags;
  const progress = new Progresses(io, silent);
  const result = await zeroq(graph, {
    weights,
    session,
    ...(activations !== undefined && { activations }),
    ...(ends !== undefined && { ends }),
    ...(layer !== undefined && { layers: layer }),
    ...(as !== undefined && { as }),
    ...(mixed !== undefined && { mixed }),
    ...(seed !== undefined && { seed }),
    ...(steps !== undefined && { steps }),
    onProgress: progress.onProgress,
  }).finally(() => progress.finish());
  return {
    quantized: result,
    notes: notesOf(result),
    sections: sectionsOf(result, recipe),
    facts: factsOf(result),
  };
}

function notesOf({ distilled: { losses, pictures }, allocation }: ZeroqResult): string[] {
  const count = pictures.shape[0];
  return [
    `${methodName('zeroq')}: no data was read to quantize`,
    `${count} pictures were distilled in ${losses.length} steps, loss ${three(losses[0]!)} to ` +
      three(losses.at(-1)!),
    ...(allocation === undefined
      ? []
      : [
          `widths by layer: ${bytes(Math.ceil(allocation.size / 8))} of weights, ` +
            `sum of divergences ${allocation.error.toPrecision(3)}`,
        ]),
  ];
}

function factsOf({ distilled: { losses }, sensitivities, allocation }: ZeroqResult) {
  return {
    losses: { first: losses[0], last: losses.at(-1), steps: losses.length },
    ...(sensitivities !== undefined && {
      sensitivities: sensitivities.map(({ name, size, errors }) => ({
        name,
        size,
        errors: Object.fromEntries(errors),
      })),
    }),
    ...(allocation !== undefined && {
      allocation: {
        bytes: Math.ceil(allocation.size / 8),
        error: allocation.error,
        bits: Object.fromEntries(allocation.bits),
      },
    }),
  };
}

/** Points of a curve at most. */
const POINTS = 200;

function sectionsOf(result: ZeroqResult, recipe: Recipe | undefined): Section[] {
  const { distilled, sensitivities, allocation } = result;
  const row = pictureRow(distilled.pictures, recipe?.preprocess, (i) => `distilled picture ${i}`);
  const steps = thinned([...distilled.losses.keys()]);
  const loss = lineChart({
    title: 'loss',
    x: steps.map((step) => step + 1),
    lines: [{ name: 'log10 loss', values: steps.map((i) => Math.log10(distilled.losses[i]!)) }],
  });
  return [
    ...(row === undefined ? [] : [{ title: 'Distilled pictures', body: row }]),
    { title: 'Distilling', body: htmlCharts([{ caption: 'loss by step', chart: loss }]) },
    ...(sensitivities === undefined || allocation === undefined
      ? []
      : [
          { title: 'Sensitivities', body: sensitivityTable(sensitivities, allocation) },
          { title: 'Size against error', body: curve(allocation) },
        ]),
  ];
}

type Allocation = NonNullable<ZeroqResult['allocation']>;

function sensitivityTable(
  layers: NonNullable<ZeroqResult['sensitivities']>,
  { bits }: Allocation,
): string {
  type Row = (typeof layers)[number];
  const columns: HtmlColumn<Row>[] = [
    { title: 'layer', cell: ({ name }) => name },
    { title: 'weights', cell: ({ size }) => String(size), align: 'right' },
    ...[...layers[0]!.errors.keys()].map((width) => ({
      title: `divergence at ${width} bits`,
      cell: ({ errors }: Row) => errors.get(width)!.toExponential(2),
      value: ({ errors }: Row) => errors.get(width)!,
      align: 'right' as const,
    })),
    { title: 'chosen', cell: ({ name }) => String(bits.get(name)), align: 'right' },
  ];
  return htmlTable(columns, layers);
}

function curve({ frontier, size, error }: Allocation): string {
  const points = thinned(frontier).filter((point) => point.error > 0);
  const chart = lineChart({
    title: 'size against error',
    x: points.map((point) => point.size / 8),
    lines: [{ name: 'log10 divergence', values: points.map((point) => Math.log10(point.error)) }],
    marks: [{ at: size / 8, name: error.toPrecision(2) }],
  });
  const caption = 'bytes of all weights, and the least sum of divergences; the choice is dashed';
  return htmlCharts([{ caption, chart }]);
}

/** At most `POINTS` of a list, both ends among them. */
function thinned<T>(all: readonly T[]): readonly T[] {
  if (all.length <= POINTS) return all;
  const step = (all.length - 1) / (POINTS - 1);
  return Array.from({ length: POINTS }, (_, i) => all[Math.round(i * step)] as T);
}

/**
 * `quantize --method`: a network in few bits without data, by a method of src/methods, and what its
 * report says beside the layers. Ranges of inputs follow from the preprocessing. Not here: the
 * table and the page (quantize-report.ts), accuracies (quantize.ts).
 */
import type { Recipe } from '../data/recipe.js';
import type { Graph } from '../graph/value.js';
import { aciq } from '../methods/aciq/aciq.js';
import { type DfqResult, dfq } from '../methods/dfq/dfq.js';
import type { InputRanges } from '../methods/distributions.js';
import type { Quantized } from '../quant/network/quantize-prepared.js';
import type { SessionOptions } from '../runtime/session-types.js';
import { three } from './format.js';
import type { Io } from './io.js';
import { Progresses } from './progresses.js';
import type { QuantizeFlags } from './quantize.js';
import { type MethodName, methodName, TRAINED } from './quantize-options.js';
import { quantizeByTraining } from './quantize-trained.js';
import { quantizeByZeroq } from './quantize-zeroq.js';
import { type HtmlColumn, htmlTable, type Section } from './report/page.js';
import { barChart } from './report/svg.js';

export interface ByMethod {
  readonly quantized: Quantized;
  readonly notes: readonly string[];
  /** Sections of the page beside those of every quantization. */
  readonly sections: readonly Section[];
  /** What the JSON document says of the method. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** What a method that takes a while works with. */
export interface Work {
  readonly io: Io;
  /** Nothing is said on the way. */
  readonly silent: boolean;
  readonly session: SessionOptions;
  /** The file that the network goes to; a checkpoint stands beside it. */
  readonly to: string;
}

export async function quantizeByMethod(
  graph: Graph,
  flags: QuantizeFlags,
  recipe: Recipe | undefined,
  work: Work,
): Promise<ByMethod> {
  if (TRAINED.includes(flags.method as MethodName))
    return await quantizeByTraining(graph, flags, recipe, work);
  const { io, silent, session } = work;
  if (flags.method === 'zeroq') return await quantizeByZeroq(graph, flags, recipe, work);
  const { weights, activations, perChannel, ends, layer, as, clipping, correct, seed, steps } =
    flags;
  const options = {
    weights,
    inputs: inputRanges(graph, recipe),
    ...(activations !== undefined && { activations }),
    ...(perChannel !== undefined && { perChannel }),
    ...(ends !== undefined && { ends }),
    ...(layer !== undefined && { layers: layer }),
    ...(as !== undefined && { as }),
  };
  if (flags.method === 'dfq') {
    const progress = new Progresses(io, silent);
    const result = await dfq(graph, {
      ...options,
      ...(correct !== undefined && { correct: CORRECT[correct] }),
      ...(correct === 'empirical' && { distill: { seed, steps } }),
      session,
      onProgress: progress.onProgress,
    }).finally(() => progress.finish());
    return dfqReport(result);
  }
  const quantized = await aciq(graph, { ...options, ...(clipping !== undefined && { clipping }) });
  const rows = [...quantized.channelBits].map(([name, bits]) => ({
    name,
    counts: Array.from({ length: 9 }, (_, n) => bits.filter((one) => one === n).length),
    mean: bits.reduce((sum, one) => sum + one, 0) / bits.length,
  }));
  const columns: HtmlColumn<(typeof rows)[number]>[] = [
    { title: 'layer', cell: ({ name }) => name },
    { title: 'mean', cell: ({ mean }) => three(mean), value: ({ mean }) => mean, align: 'right' },
    ...Array.from({ length: 9 }, (_, n) => ({
      title: String(n),
      cell: ({ counts }: (typeof rows)[number]) => String(counts[n] || ''),
      align: 'right' as const,
    })),
  ];
  return {
    quantized,
    notes: [`${methodName('aciq')}: no data was read to quantize`],
    sections: [{ title: 'Channels by their bits', body: htmlTable(columns, rows) }],
    facts: { channelBits: Object.fromEntries(rows.map(({ name, counts }) => [name, counts])) },
  };
}

const CORRECT = { analytic: true, empirical: 'empirical', none: false } as const;

function dfqReport(result: DfqResult): ByMethod {
  const { equalized, absorbed, corrected, replaced } = result;
  const pairs = equalized?.pairs ?? [];
  const leftOut = equalized?.leftOut ?? [];
  const spread = (ranges: Float64Array) => {
    const used = [...ranges].filter((range) => range > 0);
    return used.length === 0 ? 1 : most(used) / least(used);
  };
  const rows = pairs.map(({ first, second, before, after }) => ({
    label: `${first} -> ${second}`,
    values: [spread(before), spread(after)],
  }));
  const columns: HtmlColumn<{ readonly layer: string; readonly reason: string }>[] = [
    { title: 'layer', cell: ({ layer }) => layer },
    { title: 'why', cell: ({ reason }) => reason },
  ];
  const moved = [...(absorbed?.absorbed.values() ?? [])].reduce(
    (sum, c) => sum + c.filter((number) => number > 0).length,
    0,
  );
  return {
    quantized: result,
    notes: [
      `${methodName('dfq')}: no data was read to quantize`,
      `${pairs.length} pairs of layers were equalized, ${leftOut.length} layers begin none`,
      ...(replaced.length === 0 ? [] : [`${replaced.length} ReLU6 became ReLU`]),
      `the biases of ${moved} channels were absorbed`,
      `the biases of ${corrected?.corrections.size ?? 0} layers were corrected`,
    ],
    sections: [
      {
        title: 'Channel ranges before and after equalization',
        body: barChart({
          title: 'The largest range of a channel over the smallest',
          unit: '',
          series: ['before', 'after'],
          rows,
        }),
      },
      { title: 'Layers that were not equalized', body: htmlTable(columns, leftOut) },
    ],
    facts: {
      pairs: pairs.map(({ first, second, before, after }) => ({
        first,
        second,
        before: spread(before),
        after: spread(after),
      })),
      leftOut,
      replaced,
    },
  };
}

const most = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b));
const least = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.min(a, b));

/** What pixels from 0 to 255 become, over all channels, for a graph of one input. */
export function inputRanges({ inputs }: Graph, recipe: Recipe | undefined): InputRanges {
  const [input] = inputs;
  if (recipe === undefined || input === undefined || inputs.length > 1) return {};
  const { scale, mean, std, quantize } = recipe.preprocess;
  const channels = Array.from({ length: Math.max(mean.length, std.length) }, (_, c) => {
    const [m, s] = [mean[c % mean.length]!, std[c % std.length]!];
    return [-m / s, (255 * scale - m) / s];
  }).flat();
  const within = (x: number) =>
    quantize === undefined ? x : Math.min(quantize.max, Math.max(quantize.min, x));
  const [lo, hi] = [least(channels), most(channels)];
  return { [input.name]: { lo: within(lo), hi: within(hi) } };
}

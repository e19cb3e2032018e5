/**
 * The page of `bitplane bench MODEL --html`: what a model takes, whole and by layer. Not here: the
 * measuring (bench.ts).
 */
import { byteLength } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import type { Graph } from '../graph/value.js';
import { type Layer, layers as layersOf } from '../passes/analyze.js';
import type { LayerProfile, SessionInfo } from '../runtime/session-types.js';
import { bytes, count, microseconds, three } from './format.js';
import { type LabelledBar, labelledBars } from './report/labelled-bars.js';
import { htmlCharts, htmlFacts, htmlTable, page } from './report/page.js';
import type { Timing } from './statistics.js';

export interface BenchReport {
  readonly title: string;
  readonly about: readonly (readonly [name: string, value: string])[];
  /** Ours first. */
  readonly engines: readonly (Timing & { readonly name: string })[];
  readonly info: SessionInfo;
  /** Bytes of the model's file; null for a network that has none. */
  readonly fileBytes: number | null;
  readonly profile: readonly LayerProfile[];
  /** The graph that ran, and the batch of every run. */
  readonly graph: Graph;
  readonly batch: number;
}

/** A layer of the profile, and what it holds. */
interface Row extends LayerProfile {
  readonly weightBytes: number;
  /** Of its result, for the batch of the runs. */
  readonly resultBytes: number;
}

export function benchPage(report: BenchReport): string {
  const { title, about, engines, info, fileBytes, graph, batch } = report;
  const known = new Map(layersOf(graph).rows.map((layer) => [layer.name, layer]));
  const rows = report.profile.map((layer): Row => {
    const found = known.get(layer.name);
    return {
      ...layer,
      weightBytes: found?.weightBytes ?? 0,
      resultBytes: found === undefined ? 0 : resultBytes(found, batch),
    };
  });
  const sizes: [string, number][] = [
    ...(fileBytes === null ? [] : [['model file', fileBytes] as [string, number]]),
    ['packed weights in memory', info.packedBytes],
    ['memory of one run', info.arenaBytes],
  ];
  return page(title, [
    { title: 'Summary', body: htmlFacts(about) },
    {
      title: 'Time of a run: medians, and the middle half of all runs',
      body: labelledBars(
        'Time of a run',
        engines.map(({ name, medianUs, p25Us, p75Us }, i) => ({
          label: name,
          value: medianUs,
          text: microseconds(medianUs),
          spread: { lo: p25Us, hi: p75Us },
          colour: Math.min(i, 2) as 0 | 1 | 2,
        })),
      ),
    },
    {
      title: 'Memory and size',
      body: labelledBars(
        'Memory and size',
        sizes.map(([label, value]) => ({ label, value, text: bytes(value) })),
      ),
    },
    {
      title: 'By layer',
      body: htmlCharts([
        byLayer('time', rows, ({ us }) => us, microseconds),
        byLayer('weights in the file', rows, ({ weightBytes }) => weightBytes, bytes),
        byLayer('memory of results', rows, ({ resultBytes: size }) => size, bytes),
      ]),
    },
    { title: 'Layers', body: htmlTable(COLUMNS, rows) },
  ]);
}

/** Layers that have none of it are left out. */
function byLayer(
  what: string,
  rows: readonly Row[],
  value: (row: Row) => number,
  show: (value: number) => string,
): { caption: string; chart: string } {
  const bars = rows.flatMap((row): LabelledBar[] =>
    value(row) > 0 ? [{ label: row.name, value: value(row), text: show(value(row)) }] : [],
  );
  return { caption: what, chart: labelledBars(`${what}, by layer`, bars) };
}

function resultBytes({ dtype, shape }: Layer, batch: number): number {
  const sizes = shape.map((dim) => (typeof dim === 'number' ? dim : batch));
  return byteLength(dtype, elementCount(sizes));
}

const macs = ({ macs: { binary, integer, float } }: Row) => binary + integer + float;

const COLUMNS: Parameters<typeof htmlTable<Row>>[0] = [
  { title: 'layer', cell: (row) => row.name },
  { title: 'op', cell: (row) => row.op },
  { title: 'kernel', cell: (row) => row.kernel },
  { title: 'us', cell: (row) => three(row.us), value: (row) => row.us, align: 'right' },
  { title: 'MACs', cell: (row) => count(macs(row)), value: macs, align: 'right' },
  {
    title: 'weights',
    cell: (row) => bytes(row.weightBytes),
    value: (row) => row.weightBytes,
    align: 'right',
  },
  {
    title: 'result',
    cell: (row) => bytes(row.resultBytes),
    value: (row) => row.resultBytes,
    align: 'right',
  },
];

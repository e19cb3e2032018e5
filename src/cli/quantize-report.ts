/**
 * What `quantize` tells of its layers: the table for people, the rows of a JSON document, and the
 * page. Not here: quantizing (quantize.ts, src/quant).
 */

import type { Quantized } from '../quant/network/quantize-prepared.js';
import type { ActivationReport, LayerReport, WeightReport } from '../quant/network/report.js';
import { three } from './format.js';
import {
  type HtmlColumn,
  htmlCharts,
  htmlFacts,
  htmlTable,
  page,
  type Section,
} from './report/page.js';
import { barChart, histogramChart } from './report/svg.js';
import { type Block, type Column, table } from './table.js';

type Reports = Pick<Quantized, 'layers' | 'shortcuts'>;
type ReportColumn = Column<LayerReport> & Pick<HtmlColumn<LayerReport>, 'value'>;

const COLUMNS: readonly ReportColumn[] = [
  { title: 'layer', cell: ({ name }) => name },
  { title: 'op', cell: ({ op }) => op },
  { title: 'weights', cell: ({ weights }) => weights?.spec ?? 'float' },
  {
    title: 'dB',
    cell: ({ weights }) => (weights === null ? '' : db(weights.decibels)),
    value: ({ weights }) => weights?.decibels ?? null,
    align: 'right',
  },
  { title: 'activations', cell: ({ activations }) => activations?.spec ?? 'float' },
  { title: 'range', cell: ({ activations }) => (activations === null ? '' : rangeOf(activations)) },
  {
    title: 'scale',
    cell: ({ activations }) => (activations === null ? '' : three4(activations.scale)),
    value: ({ activations }) => activations?.scale ?? null,
    align: 'right',
  },
  {
    title: 'zero',
    cell: ({ activations }) => (activations === null ? '' : String(activations.zero)),
    align: 'right',
  },
  {
    title: 'dB',
    cell: ({ activations }) => (activations === null ? '' : db(activations.decibels)),
    value: ({ activations }) => activations?.decibels ?? null,
    align: 'right',
  },
];

export function layerTable({ layers }: Reports): Block {
  return table(COLUMNS, layers);
}

/** What reports say beside the table: maps that were constant, and those that sums read. */
export function reportNotes({ layers, shortcuts }: Reports): string[] {
  const maps = [...layers.flatMap(({ activations }) => activations ?? []), ...shortcuts];
  const specs = [...new Set(shortcuts.map(({ spec }) => spec))].join(', ');
  const constant = [...new Set(maps.filter((map) => map.constant).map(({ map }) => map))];
  return [
    ...(layers.length === 0 ? ['no layer has float weights: nothing was quantized'] : []),
    ...(shortcuts.length === 0 ? [] : [`${shortcuts.length} maps are read by sums in ${specs}`]),
    ...constant.map((map) => `${map} was the same number throughout the calibration`),
  ];
}

/** The reports without their histograms, which are for the page. */
export function jsonReports({ layers, shortcuts }: Reports) {
  return {
    layers: layers.map(({ weights, activations, ...layer }) => ({
      ...layer,
      weights: weights && plain(weights),
      activations: activations && plain(activations),
    })),
    shortcuts: shortcuts.map(plain),
  };
}

function plain<R extends WeightReport | ActivationReport>({ histogram: _, ...report }: R) {
  return report;
}

export function quantizePage(
  title: string,
  about: readonly (readonly [name: string, value: string])[],
  notes: readonly string[],
  reports: Reports,
  more: readonly Section[] = [],
): string {
  const { layers } = reports;
  const rows = layers.map(({ name, weights, activations }) => ({
    label: name,
    values: [weights?.decibels ?? null, activations?.decibels ?? null],
  }));
  const facts: (readonly [string, string])[] = [
    ...about,
    ...notes.map((note) => ['note', note] as const),
  ];
  return page(title, [
    { title: 'Summary', body: htmlFacts(facts) },
    { title: 'Layers', body: htmlTable(COLUMNS, layers) },
    ...more,
    {
      title: 'Signal to quantization noise',
      body: barChart({
        title: 'Signal to quantization noise',
        unit: 'dB',
        series: ['weights', 'activations'],
        rows,
      }),
    },
    {
      title: 'Activations, and where they clip',
      body: charts([
        ...layers.flatMap(({ activations }) => activations ?? []),
        ...reports.shortcuts,
      ]),
    },
    {
      title: 'Weights, and where they clip',
      body: charts(
        layers.flatMap(({ name, weights }) =>
          weights === null ? [] : [{ ...weights, map: name }],
        ),
      ),
    },
  ]);
}

type Charted = Pick<ActivationReport, 'map' | 'spec' | 'histogram' | 'clip' | 'decibels'>;

/** One chart a map and spec: several layers may read one. */
function charts(reports: readonly Charted[]): string {
  const seen = new Map(reports.map((report) => [`${report.map} ${report.spec}`, report]));
  return htmlCharts(
    [...seen.values()].map(({ map, spec, histogram, clip, decibels }) => ({
      caption: `${map}: ${spec}, ${db(decibels)} dB, from ${three4(clip.lo)} to ${three4(clip.hi)}`,
      chart: histogramChart({ title: `${map}, counts by their logarithm`, ...histogram, clip }),
    })),
  );
}

function db(value: number): string {
  return Number.isFinite(value) ? value.toFixed(1) : 'exact';
}

function rangeOf({ range: { lo, hi } }: ActivationReport): string {
  return `${three4(Math.min(0, lo))} to ${three4(Math.max(0, hi))}`;
}

/** Scales are small: three digits, and an exponent where zeros would hide them. */
function three4(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(2) : three(value);
}

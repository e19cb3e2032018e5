/**
 * What `bitplane fuse` and `bitplane inspect` of a store tell: sizes with everything counted,
 * accuracies, and the page. Not here: measuring.
 */
import type { StoreSizes } from '../fusion/store-sizes.js';
import { bytes, count, percent, three } from './format.js';
import type { Accuracy, Choice } from './fuse-accuracy.js';
import { lineChart } from './report/line-chart.js';
import { type HtmlColumn, htmlCharts, htmlFacts, htmlTable, page } from './report/page.js';
import { type Block, type Column, table } from './table.js';

type Fact = readonly [name: string, value: string];

const PARTS = {
  mantissas: 'mantissas',
  signs: 'signs',
  exponents: 'exponents',
  values: 'floats',
  masks: 'masks',
  planes: 'planes of binary weights',
  heads: 'heads',
  others: 'batch norms, biases, other',
  header: 'names, graphs, digests',
} as const;

interface Part {
  readonly name: string;
  readonly bytes: number;
  readonly bits: number;
}

const PART_COLUMNS: readonly Column<Part>[] = [
  { title: 'part', cell: ({ name }) => name },
  { title: 'bytes', cell: (part) => bytes(part.bytes), align: 'right' },
  { title: 'bits a shared weight', cell: ({ bits }) => three(bits), align: 'right' },
];

function partsOf({ bytes: held, total, sharedWeights }: StoreSizes): Part[] {
  const rows = (Object.keys(PARTS) as (keyof typeof PARTS)[])
    .filter((part) => held[part] > 0)
    .map((part) => ({ name: PARTS[part], bytes: held[part] }));
  return [...rows, { name: 'total', bytes: total }].map((row) => ({
    ...row,
    bits: (8 * row.bytes) / sharedWeights,
  }));
}

export function sizeTable(sizes: StoreSizes): Block {
  return table(PART_COLUMNS, partsOf(sizes));
}

/** What a store saves. @param tasks how many it has */
export function sizeFacts(sizes: StoreSizes, tasks: number): Fact[] {
  const { total, separateFloats, separateSame, papers } = sizes;
  const share = (whole: number) => `${percent((100 * total) / whole)} of ${bytes(whole)}`;
  const word = 32 * tasks;
  return [
    [
      'shared',
      `${count(sizes.sharedWeights)} weights, ${three(sizes.bitsPerSharedWeight)} bits each for ` +
        `${tasks} tasks; the whole file ${three(sizes.bitsPerWeight)} bits a weight of one task`,
    ],
    ['beside 32-bit files', `${share(separateFloats)}, ${tasks} separate files of floats`],
    ['beside equal widths', `${share(separateSame)}, ${tasks} separate files at the same widths`],
    ...(papers === undefined
      ? []
      : [
          [
            'as papers count',
            `${papers.formula} = ${papers.paper} of ${word} bits, ` +
              `${percent((100 * papers.paper) / word)}; here ${papers.ours}, ` +
              percent((100 * papers.ours) / word),
          ] as const,
          ['', papers.why] as const,
        ]),
  ];
}

/** A task of a fusion, and what was measured of it. */
export interface FusedTask {
  readonly name: string;
  readonly model: string;
  /** Null where weights are taken by masks. */
  readonly bits: number | null;
  readonly dataset: string | null;
  readonly choice?: Choice;
  /** On pictures that nothing was chosen on. */
  readonly float?: Accuracy;
  readonly fused?: Accuracy;
}

const shown = (accuracy: Accuracy | undefined) =>
  accuracy === undefined ? '' : percent(accuracy.top1);

const TASK_COLUMNS: readonly (Column<FusedTask> & HtmlColumn<FusedTask>)[] = [
  { title: 'task', cell: ({ name }) => name },
  { title: 'bits', cell: ({ bits }) => String(bits ?? ''), align: 'right' },
  { title: 'data set', cell: ({ dataset }) => dataset ?? '' },
  { title: 'pictures', cell: ({ fused }) => (fused ? String(fused.n) : ''), align: 'right' },
  { title: 'float', cell: ({ float }) => shown(float), align: 'right' },
  { title: 'fused', cell: ({ fused }) => shown(fused), align: 'right' },
  {
    title: 'change',
    cell: ({ float, fused }) =>
      float === undefined || fused === undefined ? '' : (fused.top1 - float.top1).toFixed(2),
    align: 'right',
  },
];

export function taskTable(tasks: readonly FusedTask[]): Block {
  return table(TASK_COLUMNS, tasks);
}

export function fusePage(
  title: string,
  tasks: readonly FusedTask[],
  sizes: StoreSizes,
  notes: readonly string[],
): string {
  const about: Fact[] = [
    ...sizeFacts(sizes, tasks.length),
    ...notes.map((note) => ['note', note] as const),
  ];
  const chosen = tasks.filter(({ choice }) => choice !== undefined);
  return page(title, [
    { title: 'Summary', body: htmlFacts(about) },
    { title: 'Tasks', body: htmlTable(TASK_COLUMNS, tasks) },
    { title: 'What the file holds', body: htmlTable(PART_COLUMNS, partsOf(sizes)) },
    ...(chosen.length === 0
      ? []
      : [{ title: 'Accuracy by bits, on the choosing half', body: htmlCharts(chosen.map(chart)) }]),
  ]);
}

function chart({ name, bits, choice }: FusedTask) {
  const { tried, float, bits: best } = choice as Choice;
  return {
    caption: `${name}: ${bits} bits; float ${percent(float.top1)}, ${float.n} pictures`,
    chart: lineChart({
      title: `${name}, top-1 by bits`,
      x: tried.map((one) => one.bits),
      lines: [
        { name: 'rounded', values: tried.map(({ top1 }) => top1) },
        { name: 'float', values: tried.map(() => float.top1) },
      ],
      marks: [{ at: best, name: String(best) }],
    }),
  };
}

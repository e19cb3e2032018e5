/**
 * `bitplane zoo`: the networks that zoo:NAME names, with their size and cost as the papers count,
 * and the trained networks that lie under models/. Not here: the networks (src/zoo).
 */
import type { Cost } from '../nn/summary.js';
import { ZOO } from '../zoo/registry.js';
import { count } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { ownModels } from './model-file.js';
import { type Column, prose, table } from './table.js';

interface Row extends Cost {
  readonly name: string;
  readonly about: string;
  readonly paper: string;
  /** Of one picture: height, width, channels, or numbers of a flat one. */
  readonly input: readonly (number | string)[];
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'zoo:NAME', cell: (row) => row.name, whole: true },
  { title: 'network', cell: (row) => row.about, least: 36 },
  { title: 'params', cell: (row) => count(row.parameters), align: 'right' },
  { title: 'BOPs', cell: (row) => count(row.bops), align: 'right', spare: true },
  { title: 'FLOPs', cell: (row) => count(row.flops), align: 'right', spare: true },
  { title: 'OPs', cell: (row) => count(row.ops), align: 'right' },
];

export function zoo(flags: { readonly json?: boolean }, io: Io): void {
  const rows = Object.entries(ZOO).map(([name, { about, paper, build }]): Row => {
    const model = build();
    const input = model.input.shape.slice(1);
    return { name, about, paper, input, ...model.cost() };
  });
  const models = ownModels();
  if (flags.json === true) {
    printJson(io, { networks: rows, models });
    return;
  }
  printLines(
    io,
    table(COLUMNS, rows),
    '',
    prose(
      'BOPs are binary multiply-accumulates of a picture, FLOPs all others, OPs BOPs / 64 + ' +
        'FLOPs; a narrow terminal shows OPs alone, --json all of them.',
    ),
    prose(
      'The weights of zoo:NAME are seeded random numbers: times and sizes mean something, ' +
        'answers do not. `bitplane inspect zoo:NAME` shows layers and bytes.',
    ),
    models.length === 0
      ? []
      : ['', prose(`Trained: ${models.map((name) => `models/${name}`).join(', ')}`)],
  );
}

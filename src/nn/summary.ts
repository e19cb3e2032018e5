/**
 * The cost of a model, layer by layer, as the papers count: BOPs are multiply-accumulates of two
 * binary operands, FLOPs all others, and OPs = BOPs / 64 + FLOPs (Liu et al., Bi-Real Net and
 * ReActNet). Like the papers, the count leaves out additions, activations and batch norms. Not
 * here: the cost of a graph as it runs (src/passes/analyze.ts).
 */
import { elementCount, type Shape, showShape } from '../core/shape.js';
import { topological, type Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import type { Applied, Parameter } from './scope.js';

/** Multiply-accumulates of one input, as the papers count them. */
export interface Cost {
  /** Multiply-accumulates of one bit by one bit. */
  readonly bops: number;
  /** All others, those of floats by signs included. */
  readonly flops: number;
  /** bops / 64 + flops */
  readonly ops: number;
  /** Learned numbers: running statistics do not count. */
  readonly parameters: number;
}

/** A line of a summary: a layer, its shape, its numbers. */
export interface LayerSummary extends Cost {
  /** The path of the layer. */
  readonly name: string;
  /** What kind of layer it is. */
  readonly kind: string;
  /** Of its result. */
  readonly shape: Shape;
}

/**
 * A row for every layer that declares parameters or multiplies, and for no other. Nodes and
 * parameters belong to the innermost layer.
 */
export function layerSummaries(
  applied: readonly Applied[],
  parameters: readonly Parameter[],
  output: Value,
): LayerSummary[] {
  const paths = new Set(applied.map(({ path }) => path));
  const owner = (name: string): string => {
    let path = name;
    while (!paths.has(path) && path !== '')
      path = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    return path;
  };
  const sums = new Map<string, { bops: number; flops: number; parameters: number }>();
  const sum = (path: string) => {
    const known = sums.get(path) ?? { bops: 0, flops: 0, parameters: 0 };
    sums.set(path, known);
    return known;
  };
  for (const { name, shape, role } of parameters) {
    // Running statistics are measured, not learned.
    if (role !== 'mean' && role !== 'variance') sum(owner(name)).parameters += elementCount(shape);
  }
  for (const node of topological({ inputs: [], outputs: { output } })) {
    const macs = macsOf(node);
    if (macs > 0) sum(owner(node.name))[isBinary(node) ? 'bops' : 'flops'] += macs;
  }
  return applied.flatMap(({ path, kind, value }) => {
    const own = sums.get(path);
    return own === undefined
      ? []
      : [{ name: path, kind, shape: value.shape, ...own, ops: own.bops / 64 + own.flops }];
  });
}

export function costOf(layers: readonly Cost[]): Cost {
  const total = (key: 'bops' | 'flops' | 'parameters') =>
    layers.reduce((sum, layer) => sum + layer[key], 0);
  const [bops, flops] = [total('bops'), total('flops')];
  return { bops, flops, ops: bops / 64 + flops, parameters: total('parameters') };
}

function macsOf(node: Value): number {
  if (node.inputs.length === 0) return 0;
  const macs = opDef(node.op).macs?.(node);
  return macs === undefined ? 0 : macs.binary + macs.integer + macs.float;
}

function isBinary(node: Value): boolean {
  return node.inputs.every(isBipolar);
}

/** -1 and +1 (and 0 in borders or by torch's sign), as quantizers write it. */
function isBipolar(value: Value): boolean {
  if (value.op === 'cast') return value.inputs[0]!.dtype === 'b1';
  const moves = value.op === 'maxPool2d' || (value.inputs.length > 0 && opDef(value.op).moves);
  if (moves) return value.inputs.every(isBipolar);
  return value.op === 'signum';
}

export function summaryTable(layers: readonly LayerSummary[]): string {
  const total = costOf(layers);
  const show = (value: number) => (value === 0 ? '' : Math.round(value).toLocaleString('en-US'));
  const rows = [
    ['layer', 'kind', 'output', 'parameters', 'BOPs', 'FLOPs'],
    ...layers.map((row) => [
      row.name,
      row.kind,
      showShape(row.shape),
      show(row.parameters),
      show(row.bops),
      show(row.flops),
    ]),
    ['total', '', '', show(total.parameters), show(total.bops), show(total.flops)],
  ];
  const widths = rows[0]!.map((_, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]!.length), 0),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  const [header, ...body] = rows.map(line);
  return [
    header,
    '-'.repeat(header!.length),
    ...body,
    '',
    `OPs = BOPs / 64 + FLOPs = ${show(total.ops)}, for one image`,
  ].join('\n');
}

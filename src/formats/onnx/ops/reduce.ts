/**
 * Reductions over axes, of floats and the extremes of bytes too, Softmax and LogSoftmax. Not here:
 * global pooling (./conv.ts).
 */
import { type Integer, isByteInteger } from '../../../core/dtype.js';
import { MOST_FLOAT } from '../../../core/float32.js';
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { valueItem } from '../item.js';
import { isWhole, wrapped } from './integers.js';

export const reduceImporters: Readonly<Record<string, Importer>> = {
  ReduceMean: reduction('mean'),
  ReduceSum: reduction('sum'),
  ReduceProd: reduction('product'),
  ReduceMax: reduction('max'),
  ReduceMin: reduction('min'),
  ReduceL1: ofFunction('sum', 'abs'),
  ReduceL2: ofFunction('sum', 'square', 'sqrt'),
  ReduceSumSquare: ofFunction('sum', 'square'),
  ReduceLogSum: ofFunction('sum', undefined, 'log'),
  ReduceLogSumExp: logSumExp,

  Softmax: softmaxOf('softmax'),
  LogSoftmax: softmaxOf('logSoftmax'),
};

function softmaxOf(op: 'softmax' | 'logSoftmax'): Importer {
  return (context) => {
    const x = context.value(0);
    const axis = context.axis(context.int('axis', context.opset < 13 ? 1 : -1), x.shape.length);
    return softmaxAlong(context, x, axis, context.opset, '', op);
  };
}

/**
 * Along one axis from operator set 13 on; in older sets over all axes from `axis` on, as if
 * flattened to a matrix.
 */
export function softmaxAlong(
  context: NodeContext,
  x: Value,
  axis: number,
  opset: number,
  of = '',
  op: 'softmax' | 'logSoftmax' = 'softmax',
): Value {
  if (opset >= 13 || axis === x.shape.length - 1) return context.make(op, [x], { axis }, of);
  const line = product(context, x.shape.slice(axis));
  const flat = { shape: [...x.shape.slice(0, axis), line] };
  const matrix = context.make('reshape', [x], flat, `${of}/flat`);
  const rows = context.make(op, [matrix], { axis }, of);
  return context.make('reshape', [rows], { shape: x.shape }, `${of}/unflat`);
}

/**
 * `axes` is an attribute or an input, by operator set; none means all, unless noop_with_empty_axes
 * says none.
 */
function axesOf(context: NodeContext, { shape }: Value): number[] | undefined {
  const listed = context.listAt('axes', 1) ?? [];
  if (listed.length > 0) return context.axes(listed, shape.length);
  if (context.int('noop_with_empty_axes', 0) === 1) return undefined;
  return shape.map((_, axis) => axis);
}

/** A reduction of a function of the numbers, and a function of the result. */
function ofFunction(
  kind: 'sum',
  before: 'abs' | 'square' | undefined,
  after?: 'sqrt' | 'log',
): Importer {
  return (context) => {
    const x = floatsOf(context);
    const axes = axesOf(context, x) ?? [];
    const flows =
      before === undefined
        ? x
        : before === 'square'
          ? context.make('mul', [x, x], {}, '/squares')
          : context.make('abs', [x], {}, '/sizes');
    const attrs = { kind, axes, keepDims: context.int('keepdims', 1) === 1 };
    const sum =
      axes.length === 0
        ? flows
        : context.make('reduce', [flows], attrs, after === undefined ? '' : '/sum');
    return after === undefined ? sum : context.make(after, [sum], {});
  };
}

/** log(sum(exp(x))), the largest number taken out first, so that no power is infinite. */
function logSumExp(context: NodeContext): Value {
  const x = floatsOf(context);
  const axes = axesOf(context, x);
  if (axes === undefined) return x;
  const reduced = (kind: 'max' | 'sum', of: Value, keepDims: boolean, suffix: string) =>
    context.make('reduce', [of], { kind, axes, keepDims }, suffix);
  const found = reduced('max', x, true, '/largest');
  // Infinity minus infinity would be no number.
  const most = context.make('clip', [found], { min: -MOST_FLOAT, max: MOST_FLOAT }, '/finite');
  const powers = context.make('exp', [context.make('sub', [x, most], {}, '/below')], {}, '/powers');
  const sum = reduced('sum', powers, true, '/sum');
  const log = context.make('add', [context.make('log', [sum], {}, '/log'), most], {}, '/kept');
  const keeps = context.int('keepdims', 1) === 1;
  const shape = x.shape.flatMap((dim, axis) => (axes.includes(axis) ? (keeps ? [1] : []) : [dim]));
  return context.make('reshape', [log], { shape });
}

function floatsOf(context: NodeContext): Value {
  const x = context.value(0);
  if (x.dtype !== 'f32') throw context.expected('ERR_UNSUPPORTED', 'floats', x.dtype);
  return x;
}

function reduction(kind: 'mean' | 'sum' | 'product' | 'max' | 'min'): Importer {
  return (context) => {
    if (isWhole(context, 0) && kind !== 'mean') return wholeReduction(context, kind);
    const x = context.value(0);
    if (x.dtype !== 'f32')
      throw context.expected('ERR_UNSUPPORTED', 'floats, as integers have no mean here,', x.dtype);
    const axes = axesOf(context, x);
    if (axes === undefined) return valueItem(x);
    return context.make('reduce', [x], {
      kind,
      axes,
      keepDims: context.int('keepdims', 1) === 1,
    });
  };
}

/** Sums and products wrap; the largest of bytes is one of them, and floats hold it. */
function wholeReduction(context: NodeContext, kind: 'sum' | 'product' | 'max' | 'min') {
  const x = context.data(0);
  const axes = axesOf(context, x);
  if (axes === undefined) return valueItem(x);
  const attrs = { kind, axes, keepDims: context.int('keepdims', 1) === 1 };
  const between = (kind === 'max' || kind === 'min') && isByteInteger(x.dtype) ? 'f32' : 'i32';
  if (x.dtype === between) return context.make('reduce', [x], attrs);
  const numbers = context.make('cast', [x], { to: between }, '/values');
  const found = context.make('reduce', [numbers], attrs, '/floats');
  return wrappedFrom(context, found, x.dtype as Integer);
}

function wrappedFrom(context: NodeContext, found: Value, dtype: Integer): Value {
  return found.dtype === 'f32'
    ? context.make('cast', [found], { to: dtype })
    : wrapped(context, found, dtype);
}

function product(context: NodeContext, dims: readonly Dim[]): number {
  return dims.reduce<number>((result, dim) => {
    if (!isSize(dim))
      throw context.expected(
        'ERR_UNSUPPORTED',
        'sizes that are numbers on the axes of this Softmax',
        showShape(dims),
      );
    return result * dim;
  }, 1);
}

/**
 * Reductions over axes, of floats and the extremes of bytes too, Softmax and LogSoftmax. Not here:
 * global pooling (./conv.ts).
 */
import { isByteInteger } from '../../../core/dtype.js';
import { MOST_FLOAT } from '../../../core/float32.js';
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { valueItem } from '../item.js';

export const reduceImporters: Readonly<Record<string, Importer>> = {
  ReduceMean: reduction('mean'),
  ReduceSum: reduction('sum'),
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

function reduction(kind: 'mean' | 'sum' | 'max' | 'min'): Importer {
  return (context) => {
    const x = context.value(0);
    const extreme = kind === 'max' || kind === 'min';
    if (x.dtype === 'i32' || (isByteInteger(x.dtype) && !extreme))
      throw context.expected(
        'ERR_UNSUPPORTED',
        extreme ? 'floats or bytes' : 'floats, as integers have no sum and no mean here,',
        x.dtype,
      );
    const axes = axesOf(context, x);
    if (axes === undefined) return valueItem(x);
    const attrs = { kind, axes, keepDims: context.int('keepdims', 1) === 1 };
    // The largest of bytes is one of them.
    if (!isByteInteger(x.dtype)) return context.make('reduce', [x], attrs);
    const floats = context.make('cast', [x], { to: 'f32' }, '/values');
    const found = context.make('reduce', [floats], attrs, '/floats');
    return context.make('cast', [found], { to: x.dtype });
  };
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

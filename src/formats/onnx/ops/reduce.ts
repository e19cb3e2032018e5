/**
 * Reductions over axes, of floats and the extremes of bytes too, and Softmax. Not here: global
 * pooling (./conv.ts).
 */
import { isByteInteger } from '../../../core/dtype.js';
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { valueItem } from '../item.js';

export const reduceImporters: Readonly<Record<string, Importer>> = {
  ReduceMean: reduction('mean'),
  ReduceSum: reduction('sum'),
  ReduceMax: reduction('max'),
  ReduceMin: reduction('min'),

  Softmax(context) {
    const x = context.value(0);
    const axis = context.axis(context.int('axis', context.opset < 13 ? 1 : -1), x.shape.length);
    return softmaxAlong(context, x, axis, context.opset);
  },
};

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
): Value {
  if (opset >= 13 || axis === x.shape.length - 1) return context.make('softmax', [x], { axis }, of);
  const line = product(context, x.shape.slice(axis));
  const flat = { shape: [...x.shape.slice(0, axis), line] };
  const matrix = context.make('reshape', [x], flat, `${of}/flat`);
  const rows = context.make('softmax', [matrix], { axis }, of);
  return context.make('reshape', [rows], { shape: x.shape }, `${of}/unflat`);
}

/**
 * `axes` is an attribute or an input, by operator set; none means all, unless noop_with_empty_axes
 * says none.
 */
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
    const listed = context.listAt('axes', 1) ?? [];
    if (listed.length === 0 && context.int('noop_with_empty_axes', 0) === 1) return valueItem(x);
    const axes =
      listed.length === 0 ? x.shape.map((_, axis) => axis) : context.axes(listed, x.shape.length);
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

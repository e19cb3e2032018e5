/**
 * Ops that only change a value's shape. Each also works on the integer vectors by which exporters
 * compute shapes, where ONNX allows it. Not here: ops that move elements (./move.ts), integer
 * arithmetic (./elementwise.ts).
 */
import { MAX_RANK } from '../../../core/limits.js';
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Importer, NodeContext } from '../context.js';
import { dimsItem, type Item } from '../item.js';

export const shapeImporters: Readonly<Record<string, Importer>> = {
  /** From operator set 15 on a part of the shape, [start, end). */
  Shape(context) {
    const dims = context.shapeOf(0);
    return dimsItem(dims.slice(context.int('start', 0), context.int('end', dims.length)));
  },

  Reshape(context) {
    const target = context.intList('shape') ?? context.dims(1).entries;
    if (isVector(context)) return reshapeVector(context, target);
    const x = context.value(0);
    const copies = context.int('allowzero', 0) === 0;
    const shape = target.map((dim, i) => (dim === 0 && copies ? known(context, x.shape[i]) : dim));
    return context.make('reshape', [x], { shape });
  },

  /** [d0 * ... * d(axis-1), d(axis) * ...]; a symbol stays only as the sole factor of its side. */
  Flatten(context) {
    const x = context.value(0);
    const rank = x.shape.length;
    const axis = context.int('axis', 1);
    const at = axis === rank ? rank : context.axis(axis, rank);
    const [rows, columns] = [side(x.shape.slice(0, at)), side(x.shape.slice(at))];
    if (rows === undefined && columns === undefined) {
      throw context.expected(
        'ERR_UNSUPPORTED',
        'a shape with one unknown size',
        showShape(x.shape),
      );
    }
    return context.make('reshape', [x], { shape: [rows ?? -1, columns ?? -1] });
  },

  Squeeze(context) {
    const listed = context.listAt('axes', 1);
    if (isVector(context))
      return dimsItem(context.dims(0).entries, context.dims(0).entries.length === 1);
    const x = context.value(0);
    const axes =
      listed === undefined
        ? x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []))
        : context.axes(listed, x.shape.length);
    if (axes.some((axis) => x.shape[axis] !== 1))
      throw context.expected('ERR_SHAPE', `axes ${axes} of size 1`, showShape(x.shape));
    return context.make('reshape', [x], {
      shape: x.shape.filter((_, axis) => !axes.includes(axis)),
    });
  },

  Unsqueeze(context) {
    const listed = context.listAt('axes', 1);
    if (listed === undefined) throw context.expected('ERR_FORMAT', 'axes', 'none');
    if (isVector(context)) {
      const { entries, scalar } = context.dims(0);
      if (!scalar || listed.length !== 1)
        throw context.fail(
          'ERR_UNSUPPORTED',
          'integers known at import may be a scalar or a vector only',
        );
      return dimsItem(entries);
    }
    const x = context.value(0);
    const rank = x.shape.length + listed.length;
    if (rank > MAX_RANK)
      throw context.expected('ERR_SHAPE', `a result of at most ${MAX_RANK} axes`, rank);
    const axes = context.axes(listed, rank);
    const rest = x.shape.values();
    const shape = Array.from({ length: rank }, (_, axis) =>
      axes.includes(axis) ? 1 : (rest.next().value as Dim),
    );
    return context.make('reshape', [x], { shape });
  },

  /** Numpy's two-way broadcasting: a 1 in the target keeps the size of x. */
  Expand(context) {
    const x = context.value(0);
    const target = context.dims(1).entries;
    const rank = Math.max(x.shape.length, target.length);
    const shape = Array.from({ length: rank }, (_, i) => {
      const [from, to] = [
        x.shape[i - (rank - x.shape.length)] ?? 1,
        target[i - (rank - target.length)] ?? 1,
      ];
      return to === 1 ? from : to;
    });
    return context.make('expand', [x], { shape });
  },

  Identity: (context) => context.item(0),

  /**
   * Passes x through at inference. The training flag of newer operator sets may be present, but not
   * true.
   */
  Dropout(context) {
    if (context.has(2) && context.number(2) !== 0)
      throw context.fail('ERR_UNSUPPORTED', 'training_mode = 1 is not inference');
    return context.item(0);
  },
};

function isVector(context: NodeContext): boolean {
  return context.isIntegers(0);
}

/** A vector of integers reshapes to itself ([-1], [n]) or to a scalar ([]). */
function reshapeVector(context: NodeContext, target: readonly Dim[]): Item {
  const { entries } = context.dims(0);
  if (
    target.length > 1 ||
    (target.length === 1 && target[0] !== -1 && target[0] !== entries.length) ||
    (target.length === 0 && entries.length !== 1)
  ) {
    throw context.expected(
      'ERR_UNSUPPORTED',
      `integers known at import to stay a vector of ${entries.length}`,
      showShape(target),
    );
  }
  return dimsItem(entries, target.length === 0);
}

function known(context: NodeContext, dim: Dim | undefined): Dim {
  if (dim === undefined)
    throw context.expected(
      'ERR_SHAPE',
      'a 0 in the new shape only where the input has that axis',
      'no such axis',
    );
  return dim;
}

/** The product of some sizes; undefined if it would multiply a symbol. */
function side(dims: readonly Dim[]): Dim | undefined {
  const factors = dims.filter((dim) => dim !== 1);
  if (factors.length === 1) return factors[0];
  return factors.every(isSize) ? (factors as number[]).reduce((a, b) => a * b, 1) : undefined;
}

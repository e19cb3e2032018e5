/**
 * Ops that only change a value's shape. Each also works on integers known at import, by which
 * exporters compute shapes. Not here: ops that move elements (./move.ts), integer
 * arithmetic (./elementwise.ts).
 */
import { MAX_RANK } from '../../../core/limits.js';
import { type Dim, elementCount, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { dimsItem, type Item } from '../item.js';
import { broadcastTo, commonShape } from '../known.js';
import { moving } from './integers.js';

export const shapeImporters: Readonly<Record<string, Importer>> = {
  /** From operator set 15 on a part of the shape, [start, end). */
  Shape(context) {
    const dims = context.shapeOf(0);
    return dimsItem(dims.slice(context.int('start', 0), context.int('end', dims.length)));
  },

  Reshape: moving((context) => {
    const target = context.intList('shape') ?? context.dims(1).entries;
    const from = context.shapeOf(0);
    const copies = context.int('allowzero', 0) === 0;
    const shape = target.map((dim, i) => (dim === 0 && copies ? known(context, from[i]) : dim));
    return isKnown(context)
      ? reshaped(context, shape)
      : context.make('reshape', [context.value(0)], { shape });
  }),

  /** [d0 * ... * d(axis-1), d(axis) * ...]; a symbol stays only as the sole factor of its side. */
  Flatten: moving((context) => {
    const x = context.data(0);
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
  }),

  Squeeze: moving((context) => {
    const listed = context.listAt('axes', 1);
    const from = context.shapeOf(0);
    const axes =
      listed === undefined
        ? from.flatMap((dim, axis) => (dim === 1 ? [axis] : []))
        : context.axes(listed, from.length);
    if (axes.some((axis) => from[axis] !== 1))
      throw context.expected('ERR_SHAPE', `axes ${axes} of size 1`, showShape(from));
    return withShape(
      context,
      from.filter((_, axis) => !axes.includes(axis)),
    );
  }),

  Unsqueeze: moving((context) => {
    const listed = context.listAt('axes', 1);
    if (listed === undefined) throw context.expected('ERR_FORMAT', 'axes', 'none');
    const from = context.shapeOf(0);
    const rank = from.length + listed.length;
    if (rank > MAX_RANK)
      throw context.expected('ERR_SHAPE', `a result of at most ${MAX_RANK} axes`, rank);
    const axes = context.axes(listed, rank);
    const rest = from.values();
    const shape = Array.from({ length: rank }, (_, axis) =>
      axes.includes(axis) ? 1 : (rest.next().value as Dim),
    );
    return withShape(context, shape);
  }),

  /** Numpy's two-way broadcasting: a 1 in the target keeps the size of x. */
  Expand: moving((context) => {
    const from = context.shapeOf(0);
    const target = context.dims(1).entries;
    const rank = Math.max(from.length, target.length);
    const shape = Array.from({ length: rank }, (_, i) => {
      const [own, to] = [
        from[i - (rank - from.length)] ?? 1,
        target[i - (rank - target.length)] ?? 1,
      ];
      return to === 1 ? own : to;
    });
    if (!isKnown(context)) return context.make('expand', [context.value(0)], { shape });
    const common = shape.every(isSize) ? commonShape([context.known(0).shape, shape]) : undefined;
    if (common === undefined)
      throw context.expected('ERR_SHAPE', `a shape that ${showShape(from)} broadcasts to`, target);
    return context.knownIntegers(elementCount(common), () => broadcastTo(context.known(0), common));
  }),

  /** How many elements there are. */
  Size(context) {
    const shape = context.shapeOf(0);
    const count = side(shape);
    if (count === undefined)
      throw context.expected('ERR_UNSUPPORTED', 'a shape with one unknown size', showShape(shape));
    return dimsItem([count], true);
  },

  Identity: (context) => context.item(0),

  /**
   * Passes x through at inference; the mask keeps all. The training flag of newer operator sets may
   * be true where the ratio is 0.
   */
  Dropout(context) {
    const trains = context.has(2) && context.number(2) !== 0;
    if (trains && (context.has(1) ? context.number(1) : 0.5) !== 0)
      throw context.fail('ERR_UNSUPPORTED', 'training_mode = 1 drops by chance, at inference too');
    if (context.outputCount === 1) return context.item(0);
    const ones = context.make(
      'expand',
      [context.scalar(1, '/kept')],
      { shape: context.shapeOf(0) },
      '/mask',
    );
    return [context.item(0), { kind: 'truth', value: ones }];
  },
};

function isKnown(context: NodeContext): boolean {
  return context.isIntegers(0);
}

/** Input 0 under a shape of as many elements. */
function withShape(context: NodeContext, shape: readonly Dim[]): Item | Value {
  return isKnown(context)
    ? reshaped(context, shape)
    : context.make('reshape', [context.value(0)], { shape });
}

/** Integers known at import under another shape, in which one size may be -1. */
function reshaped(context: NodeContext, target: readonly Dim[]): Item {
  const { entries } = context.known(0);
  const others = target.filter((dim) => dim !== -1).reduce<number>((n, dim) => n * Number(dim), 1);
  const shape = target.map((dim) => (dim === -1 ? entries.length / others : dim));
  if (!shape.every(isSize) || elementCount(shape as number[]) !== entries.length)
    throw context.expected('ERR_SHAPE', `a shape of ${entries.length} elements`, showShape(target));
  return context.knownIntegers(0, () => ({ entries, shape: shape as number[] }));
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

/**
 * Ops that move whole blocks of pixels or copies of a value: DepthToSpace, SpaceToDepth, Tile; and
 * integers counted at import: Range. Not here: Resize (./resize.ts).
 */
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { broadcastTo, concatenated } from '../known.js';
import { moving } from './integers.js';

export const blockImporters: Readonly<Record<string, Importer>> = {
  /** [N, C, H, W] -> [N, C / b^2, H b, W b]; by default depth is [b, b, C / b^2] (DCR). */
  DepthToSpace(context) {
    const { x, dims, block: b } = mapAndBlock(context);
    const [n, c, h, w] = dims;
    const depth = (c as number) / (b * b);
    if (!Number.isInteger(depth))
      throw context.expected('ERR_SHAPE', `channels in multiples of ${b * b}`, c);
    const mode = context.text('mode', 'DCR');
    if (mode !== 'DCR' && mode !== 'CRD')
      throw context.expected('ERR_FORMAT', 'mode DCR or CRD', mode);
    const [split, perm] =
      mode === 'DCR'
        ? [
            [n!, b, b, depth, h!, w!],
            [0, 3, 4, 1, 5, 2],
          ]
        : [
            [n!, depth, b, b, h!, w!],
            [0, 1, 4, 2, 5, 3],
          ];
    const to = [n!, depth, (h as number) * b, (w as number) * b];
    return rearranged(context, x, split, perm, to);
  },

  /** [N, C, H, W] -> [N, b b C, H / b, W / b] */
  SpaceToDepth(context) {
    const { x, dims, block: b } = mapAndBlock(context);
    const [n, c, h, w] = dims;
    const [rows, columns] = [(h as number) / b, (w as number) / b];
    if (!Number.isInteger(rows) || !Number.isInteger(columns))
      throw context.expected('ERR_SHAPE', `height and width in multiples of ${b}`, showShape(dims));
    const split = [n!, c!, rows, b, columns, b];
    return rearranged(
      context,
      x,
      split,
      [0, 3, 5, 1, 2, 4],
      [n!, (c as number) * b * b, rows, columns],
    );
  },

  /** As many copies along each axis as `repeats` says. */
  Tile: moving((context) => {
    const shape = context.shapeOf(0);
    const repeats = context.ints(1);
    if (repeats.length !== shape.length || !repeats.every(isSize))
      throw context.expected('ERR_FORMAT', `${shape.length} numbers of copies`, repeats);
    if (context.isIntegers(0)) {
      const from = context.known(0);
      const count = repeats.reduce((product, times) => product * times, from.entries.length);
      return context.knownIntegers(count, () =>
        repeats.reduce(
          (known, times, axis) =>
            times === 1
              ? known
              : concatenated(
                  Array.from({ length: times }, () => known),
                  axis,
                ),
          broadcastTo(from, from.shape),
        ),
      );
    }
    const changed = repeats.flatMap((times, axis) => (times === 1 ? [] : [axis]));
    const last = changed.at(-1);
    return changed.reduce(
      (x, axis) =>
        tiled(context, x, axis, repeats[axis] as number, axis === last ? '' : `/${axis}`),
      context.value(0),
    );
  }),

  /** start, start + delta, ... below limit, or above it. */
  Range(context) {
    const [start, limit, delta] = [context.number(0), context.number(1), context.number(2)];
    if (delta === 0) throw context.expected('ERR_FORMAT', 'a step other than 0', delta);
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    const numbers = () => Array.from({ length: count }, (_, i) => start + i * delta);
    if (!Number.isSafeInteger(count))
      throw context.expected('ERR_UNSUPPORTED', 'a range of finite length', count);
    return context.isIntegers(0)
      ? context.integers(count, numbers)
      : context.floats(count, numbers, [count]);
  },
};

function mapAndBlock(context: NodeContext) {
  const x = context.value(0);
  const block = context.int('blocksize');
  const [, c, h, w] = x.shape;
  if (x.shape.length !== 4 || !isSize(c) || !isSize(h) || !isSize(w))
    throw context.expected(
      'ERR_UNSUPPORTED',
      'a feature map [N, C, H, W] of known size',
      showShape(x.shape),
    );
  if (block < 1) throw context.expected('ERR_FORMAT', 'blocksize of 1 or more', block);
  return { x, dims: x.shape, block };
}

function rearranged(
  context: NodeContext,
  x: Value,
  split: readonly Dim[],
  perm: readonly number[],
  to: readonly Dim[],
): Value {
  const cells = context.make('reshape', [x], { shape: split }, '/cells');
  const moved = context.make('transpose', [cells], { perm }, '/moved');
  return context.make('reshape', [moved], { shape: to });
}

/** Copies of x one behind the other along an axis. */
function tiled(context: NodeContext, x: Value, axis: number, times: number, suffix: string): Value {
  const size = x.shape[axis];
  if (!isSize(size))
    throw context.expected('ERR_UNSUPPORTED', 'a known size of an axis to repeat', size);
  const [ahead, behind] = [x.shape.slice(0, axis), x.shape.slice(axis)];
  const one = context.make('reshape', [x], { shape: [...ahead, 1, ...behind] }, `${suffix}/one`);
  const spread = { shape: [...ahead, times, ...behind] };
  const copies = context.make('expand', [one], spread, `${suffix}/copies`);
  const shape = [...ahead, times * size, ...x.shape.slice(axis + 1)];
  return context.make('reshape', [copies], { shape }, suffix);
}

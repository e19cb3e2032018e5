/**
 * Entries of a value along an axis, at places known at import. Not here: integers known at import
 * (../known.ts).
 */
import type { Dim } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { NodeContext } from '../context.js';

/** The slice that takes everything. */
export function whole(shape: readonly Dim[]): { starts: number[]; ends: Dim[]; steps: number[] } {
  return { starts: shape.map(() => 0), ends: [...shape], steps: shape.map(() => 1) };
}

/**
 * The entries of axis `axis` at `places`, in that order. Every entry as often as each other: a
 * copy of x, spread. Else slices side by side; neighbours are one slice.
 */
export function pickedValue(
  context: NodeContext,
  x: Value,
  axis: number,
  places: readonly number[],
  suffix: string,
): Value {
  const size = x.shape[axis] as number;
  const times = places.length / size;
  if (Number.isInteger(times) && places.every((place, i) => place === Math.floor(i / times)))
    return repeated(context, x, axis, times, suffix);
  const runs: [start: number, end: number][] = [];
  for (const place of places) {
    const last = runs.at(-1);
    if (last?.[1] === place) last[1] = place + 1;
    else runs.push([place, place + 1]);
  }
  if (runs.length === 0) throw context.expected('ERR_UNSUPPORTED', 'places to take', 'none');
  const parts = runs.map(([start, end], i) => {
    const range = whole(x.shape);
    range.starts[axis] = start;
    range.ends[axis] = end;
    const own = runs.length === 1 ? suffix : `${suffix}/${i}`;
    return context.make('slice', [x], range, own);
  });
  return parts.length === 1 ? (parts[0] as Value) : context.make('concat', parts, { axis }, suffix);
}

/** Each entry of an axis `times` times in a row. */
function repeated(
  context: NodeContext,
  x: Value,
  axis: number,
  times: number,
  suffix: string,
): Value {
  const [ahead, behind] = [x.shape.slice(0, axis + 1), x.shape.slice(axis + 1)];
  const column = { shape: [...ahead, 1, ...behind] };
  const spread = { shape: [...ahead, times, ...behind] };
  const rows = context.make('reshape', [x], column, `${suffix}/one`);
  const copies = context.make('expand', [rows], spread, `${suffix}/copies`);
  const size = (x.shape[axis] as number) * times;
  const shape = { shape: [...x.shape.slice(0, axis), size, ...behind] };
  return context.make('reshape', [copies], shape, suffix);
}

/**
 * Arithmetic on integers known at import: small tensors of any rank whose entries are numbers or
 * the symbols of sizes. Exporters write paddings, shapes and crops with ordinary nodes; they are
 * computed here, and never become values of the graph. Not here: which node does what (./ops).
 */
import { type Dim, elementCount } from '../../core/shape.js';

export interface Known {
  /** In row-major order. */
  readonly entries: readonly Dim[];
  readonly shape: readonly number[];
}

/** Steps between neighbours of each axis. */
export function stepsOf(shape: readonly number[]): number[] {
  const steps = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    steps[axis] = step;
    step *= shape[axis] as number;
  }
  return steps;
}

/** The entries of `shape` whose place in `from` is first + sum of index[axis] * steps[axis]. */
function gathered(
  from: readonly Dim[],
  shape: readonly number[],
  steps: readonly number[],
  first = 0,
): Known {
  const entries: Dim[] = [];
  const walk = (axis: number, at: number) => {
    if (axis === shape.length) entries.push(from[at] as Dim);
    else
      for (let i = 0; i < (shape[axis] as number); i++)
        walk(axis + 1, at + i * (steps[axis] as number));
  };
  if (elementCount(shape) > 0) walk(0, first);
  return { entries, shape };
}

export function transposed({ entries, shape }: Known, perm: readonly number[]): Known {
  const steps = stepsOf(shape);
  return gathered(
    entries,
    perm.map((axis) => shape[axis] as number),
    perm.map((axis) => steps[axis] as number),
  );
}

/** `count[axis]` entries from `first[axis]` on, `step[axis]` apart; a step may be negative. */
export function sliced(
  { entries, shape }: Known,
  first: readonly number[],
  count: readonly number[],
  step: readonly number[],
): Known {
  const steps = stepsOf(shape);
  const offset = first.reduce((sum, at, axis) => sum + at * (steps[axis] as number), 0);
  return gathered(
    entries,
    count,
    steps.map((own, axis) => own * (step[axis] as number)),
    offset,
  );
}

/** All parts have one shape but for `axis`. */
export function concatenated(parts: readonly Known[], axis: number): Known {
  const shape = [...(parts[0] as Known).shape];
  shape[axis] = parts.reduce((sum, part) => sum + (part.shape[axis] as number), 0);
  const rows = elementCount(shape.slice(0, axis));
  const entries: Dim[] = [];
  for (let row = 0; row < rows; row++)
    for (const part of parts) {
      const length = part.entries.length / rows;
      for (let i = 0; i < length; i++) entries.push(part.entries[row * length + i] as Dim);
    }
  return { entries, shape };
}

/** Along `axis` the entries at `places`, whose shape takes the place of the axis. */
export function taken(from: Known, places: Known, axis: number): Known {
  const rows = elementCount(from.shape.slice(0, axis));
  const length = elementCount(from.shape.slice(axis + 1));
  const size = from.shape[axis] as number;
  const entries: Dim[] = [];
  for (let row = 0; row < rows; row++)
    for (const place of places.entries)
      for (let i = 0; i < length; i++)
        entries.push(from.entries[(row * size + (place as number)) * length + i] as Dim);
  const shape = [...from.shape.slice(0, axis), ...places.shape, ...from.shape.slice(axis + 1)];
  return { entries, shape };
}

/** The shape that all of them broadcast to, as in numpy; undefined where they do not. */
export function commonShape(shapes: readonly (readonly number[])[]): number[] | undefined {
  const rank = shapes.reduce((most, { length }) => Math.max(most, length), 0);
  const common = new Array<number>(rank).fill(1);
  for (const shape of shapes)
    for (const [i, size] of shape.entries()) {
      const axis = i + rank - shape.length;
      if (size === 1) continue;
      if (common[axis] !== 1 && common[axis] !== size) return undefined;
      common[axis] = size;
    }
  return common;
}

/** Repeated along axes of size 1 and in front, to a shape that it broadcasts to. */
export function broadcastTo({ entries, shape }: Known, target: readonly number[]): Known {
  const ahead = target.length - shape.length;
  const own = stepsOf(shape);
  const steps = target.map((_, axis) =>
    axis < ahead || shape[axis - ahead] === 1 ? 0 : (own[axis - ahead] as number),
  );
  return gathered(entries, target, steps);
}

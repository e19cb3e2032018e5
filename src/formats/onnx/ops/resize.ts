/**
 * Resize and Upsample: along every axis a result is a sum of few entries with weights that the
 * import computes, so each axis is a product with a constant matrix; nearest neighbours are picked.
 * ONNX operator sets 7 to 19. Not here: antialiasing.
 */
import { isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { pickedValue } from './picked.js';

/** Where a place of the result lies in the input. */
type Coordinate = (place: number, axis: Axis) => number;

interface Axis {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  /** What tf_crop_and_resize keeps of the axis, from 0 to 1. */
  readonly crop: readonly [start: number, end: number];
}

/** Each step in float32, as onnxruntime has it: in doubles other neighbours are nearest. */
const f = Math.fround;
const COORDINATES: Readonly<Record<string, Coordinate>> = {
  half_pixel: (x, { scale }) => f(f(f(x + 0.5) / scale) - 0.5),
  half_pixel_symmetric: (x, { from, to, scale }) => {
    const offset = f(f(from / 2) * f(1 - f(to / f(scale * from))));
    return f(f(offset + f(f(x + 0.5) / scale)) - 0.5);
  },
  pytorch_half_pixel: (x, { to, scale }) => (to > 1 ? f(f(f(x + 0.5) / scale) - 0.5) : 0),
  align_corners: (x, { from, to }) => (to === 1 ? 0 : f((x * (from - 1)) / (to - 1))),
  asymmetric: (x, { scale }) => f(x / scale),
  tf_half_pixel_for_nn: (x, { scale }) => f(f(x + 0.5) / scale),
  tf_crop_and_resize: (x, { from, to, crop: [start, end] }) =>
    to > 1
      ? f(f(start * (from - 1)) + f((x * f(f(end - start) * (from - 1))) / (to - 1)))
      : f(f(0.5 * f(start + end)) * (from - 1)),
};

const NEAREST: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

export const resizeImporters: Readonly<Record<string, Importer>> = {
  Resize(context) {
    // Operator set 10 has scales as its second input, and neither modes nor sizes.
    const old = context.opset < 11;
    const coordinates = context.text(
      'coordinate_transformation_mode',
      old ? 'asymmetric' : 'half_pixel',
    );
    const nearest = context.text('nearest_mode', old ? 'floor' : 'round_prefer_floor');
    for (const [name, wanted] of [
      ['antialias', 0],
      ['keep_aspect_ratio_policy', 'stretch'],
    ] as const) {
      const found =
        typeof wanted === 'number' ? context.int(name, wanted) : context.text(name, wanted);
      if (found !== wanted) throw context.expected('ERR_UNSUPPORTED', `${name} ${wanted}`, found);
    }
    const [scales, sizes] = old ? [1, 3] : [2, 3];
    const axes = axesOf(context, scales, sizes);
    const at = choice(context, 'coordinate_transformation_mode', COORDINATES, coordinates);
    const y = resized(context, axes, {
      mode: context.text('mode', 'nearest'),
      at,
      nearest: choice(context, 'nearest_mode', NEAREST, nearest),
    });
    return coordinates === 'tf_crop_and_resize' ? extrapolated(context, y, axes, at) : y;
  },

  /** What Resize was called before operator set 10. */
  Upsample(context) {
    const scales = context.floatList('scales');
    return resized(context, axesOf(context, 1, 2, scales), {
      mode: context.text('mode', 'nearest'),
      at: COORDINATES['asymmetric'] as Coordinate,
      nearest: Math.floor,
    });
  },
};

interface Rules {
  readonly mode: string;
  readonly at: Coordinate;
  readonly nearest: (x: number) => number;
}

function choice<T>(
  context: NodeContext,
  attribute: string,
  known: Readonly<Record<string, T>>,
  name: string,
): T {
  if (!Object.hasOwn(known, name))
    throw context.expected(
      'ERR_UNSUPPORTED',
      `${attribute} of ${Object.keys(known).join(', ')}`,
      name,
    );
  return known[name] as T;
}

/** The axes that change, by their number. */
function axesOf(
  context: NodeContext,
  scalesAt: number,
  sizesAt: number,
  given?: readonly number[],
): ReadonlyMap<number, Axis> {
  const shape = context.shapeOf(0);
  const scales = given ?? (has(context, scalesAt) ? context.realNumbers(scalesAt) : undefined);
  const sizes = scales === undefined && has(context, sizesAt) ? context.ints(sizesAt) : undefined;
  const listed = scales ?? sizes;
  const axes = context.axes(context.intList('axes') ?? shape.map((_, i) => i), shape.length);
  if (listed === undefined || listed.length !== axes.length)
    throw context.expected('ERR_FORMAT', `${axes.length} scales or sizes`, listed ?? 'none');
  const found = new Map<number, Axis>();
  const crops = cropsOf(context, axes.length);
  axes.forEach((axis, i) => {
    const from = shape[axis];
    const crop = crops?.[i] ?? ([0, 1] as const);
    if (scales?.[i] === 1 && crops === undefined) return;
    if (!isSize(from))
      throw context.expected('ERR_UNSUPPORTED', 'a known size of an axis to resize', from);
    const to = sizes?.[i] ?? Math.floor(from * (scales?.[i] as number));
    if (!isSize(to) || to === 0 || from === 0)
      throw context.expected('ERR_SHAPE', 'sizes of 1 or more', showShape([from, to]));
    if (to !== from || scales !== undefined || crops !== undefined)
      found.set(axis, { from, to, scale: f(scales?.[i] ?? to / from), crop });
  });
  return found;
}

/** Input roi, [starts..., ends...], where tf_crop_and_resize reads it. */
function cropsOf(context: NodeContext, count: number): [number, number][] | undefined {
  if (context.text('coordinate_transformation_mode', '') !== 'tf_crop_and_resize') return undefined;
  const roi = context.realNumbers(1);
  if (roi.length !== 2 * count)
    throw context.expected('ERR_FORMAT', `a roi of ${2 * count} numbers`, roi.length);
  return Array.from({ length: count }, (_, i) => [roi[i] as number, roi[count + i] as number]);
}

/** y with extrapolation_value where an axis was read outside of the input. */
function extrapolated(
  context: NodeContext,
  y: Value,
  axes: ReadonlyMap<number, Axis>,
  at: Coordinate,
): Value {
  const shape = y.shape.map((_, axis) => axes.get(axis)?.to ?? 1);
  const inside = [...axes].map(([number, axis]) => {
    const step = shape.slice(number + 1).reduce((product, size) => product * size, 1);
    const isIn = Array.from({ length: axis.to }, (_, x) => {
      const place = at(x, axis);
      return place >= 0 && place <= axis.from - 1;
    });
    return (i: number) => isIn[Math.floor(i / step) % axis.to] as boolean;
  });
  const count = shape.reduce((product, size) => product * size, 1);
  const mask = () =>
    Array.from({ length: count }, (_, i) => (inside.every((isIn) => isIn(i)) ? 1 : 0));
  const flags = context.floats(count, mask, shape);
  const value = context.float('extrapolation_value', 0);
  const kept = context.make('gate', [y, flags], { min: 1, max: 1 }, '/inside');
  if (value === 0) return kept;
  const outside = context.make(
    'gate',
    [context.scalar(value, '/value'), flags],
    { min: 0, max: 0 },
    '/outside',
  );
  return context.make('add', [kept, outside], {}, '/extrapolated');
}

/** An input that is there and holds something: an empty list stands for none. */
function has(context: NodeContext, index: number): boolean {
  return context.has(index) && !context.shapeOf(index).includes(0);
}

function resized(
  context: NodeContext,
  axes: ReadonlyMap<number, Axis>,
  { mode, at, nearest }: Rules,
): Value {
  let y = context.value(0);
  const [last] = [...axes.keys()].slice(-1);
  for (const [number, axis] of axes) {
    const suffix = number === last ? '' : `/axis${number}`;
    if (mode === 'nearest') {
      const places = Array.from({ length: axis.to }, (_, x) =>
        clamp(nearest(at(x, axis)), axis.from),
      );
      y = pickedValue(context, y, number, places, suffix);
    } else y = summed(context, y, number, matrixOf(context, mode, axis, at), axis, suffix);
  }
  return y;
}

const clamp = (place: number, size: number) => Math.min(Math.max(place, 0), size - 1);

/** y with axis `axis` times the matrix [from, to]. */
function summed(
  context: NodeContext,
  y: Value,
  axis: number,
  matrix: Float32Array,
  { from, to }: Axis,
  suffix: string,
): Value {
  const rank = y.shape.length;
  const order = y.shape.map((_, i) => i);
  const perm = [...order.filter((i) => i !== axis), axis];
  const back = order.map((i) => perm.indexOf(i));
  const weights = context.constant(matrix, [from, to], `${suffix}/weights`);
  const flows = context.transpose(y, perm, `${suffix}/last`);
  const isLast = axis === rank - 1;
  const product = context.make('matmul', [flows, weights], {}, isLast ? suffix : `${suffix}/sums`);
  return isLast ? product : context.make('transpose', [product], { perm: back }, suffix);
}

function matrixOf(
  context: NodeContext,
  mode: string,
  axis: Axis,
  at: Coordinate,
): Float32Array<ArrayBuffer> {
  const { from, to } = axis;
  const taps = mode === 'linear' ? linear : mode === 'cubic' ? cubic(context) : undefined;
  if (taps === undefined)
    throw context.expected('ERR_UNSUPPORTED', 'mode nearest, linear or cubic', mode);
  context.reserve(from * to * Float32Array.BYTES_PER_ELEMENT);
  const matrix = new Float32Array(from * to);
  const outside = context.int('exclude_outside', 0) === 1;
  for (let x = 0; x < to; x++) {
    const found = taps(mode === 'linear' ? clamp(at(x, axis), from) : at(x, axis));
    const kept = outside ? found.filter(([place]) => place >= 0 && place < from) : found;
    const sum = outside ? kept.reduce((total, [, weight]) => total + weight, 0) : 1;
    for (const [place, weight] of kept) {
      const cell = clamp(place, from) * to + x;
      matrix[cell] = (matrix[cell] as number) + weight / sum;
    }
  }
  return matrix;
}

type Tap = readonly [place: number, weight: number];

function linear(x: number): readonly Tap[] {
  const first = Math.floor(x);
  const part = x - first;
  return [
    [first, 1 - part],
    [first + 1, part],
  ];
}

/** Keys, "Cubic convolution interpolation for digital image processing", 1981. */
function cubic(context: NodeContext): (x: number) => readonly Tap[] {
  const a = context.float('cubic_coeff_a', -0.75);
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return (x) => {
    const first = Math.floor(x);
    const part = x - first;
    return [
      [first - 1, far(part + 1)],
      [first, near(part)],
      [first + 1, near(1 - part)],
      [first + 2, far(2 - part)],
    ];
  };
}

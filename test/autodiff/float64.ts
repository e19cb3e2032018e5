/**
 * Graphs evaluated in doubles, straight from the definitions: what gradients are compared with
 * (finite differences of this) and what kernels are. Nothing of src computes here.
 */

import { elementCount } from '../../src/core/shape.js';
import {
  type Graph,
  outputsOf,
  topological,
  updatesOf,
  type Value,
} from '../../src/graph/value.js';
import { errorFunction } from '../../src/ops/error-function.js';
import { valuesOf } from '../../src/tensor/values.js';

export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The attributes of all ops; a formula reads those of its own op. */
interface Attrs {
  readonly alpha: number;
  readonly min: number;
  readonly max: number;
  readonly axis: number;
  readonly kind: string;
  readonly axes: readonly number[];
  readonly perm: readonly number[];
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly value: number;
  readonly epsilon: number;
  readonly kernel: readonly number[];
  readonly countPad: boolean;
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly groups: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}
type Formula = (x: readonly Array64[], attrs: Attrs, shape: readonly number[]) => Float64Array;

const clamp = (x: number, min: number, max: number) => Math.max(min, Math.min(x, max));
const halfToEven = (x: number) => {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
};

const UNARY: Readonly<Record<string, (x: number, a: Attrs) => number>> = {
  relu: (x) => Math.max(x, 0),
  approxSign: (x) => 2 * clamp(x, -1, 1) - clamp(x, -1, 1) * Math.abs(clamp(x, -1, 1)),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  erf: errorFunction,
  exp: Math.exp,
  log: Math.log,
  abs: Math.abs,
  neg: (x) => -x,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  floor: Math.floor,
  ceil: Math.ceil,
  round: halfToEven,
  signum: Math.sign,
  sign: (x) => (x < 0 ? -1 : 1),
  cast: (x) => x,
  leakyRelu: (x, { alpha }) => (x < 0 ? x * alpha : x),
  clip: (x, { min, max }) => clamp(x, min, max),
};

const BINARY: Readonly<Record<string, (a: number, b: number, attrs: Attrs) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  pow: (a, b) => a ** b,
  remainder: (a, b) => a % b,
  prelu: (x, slope) => (x < 0 ? x * slope : x),
  gate: (value, x, { min, max }) => (x >= min && x <= max ? value : 0),
};

function strides(shape: readonly number[]): number[] {
  const result = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) result[i] = result[i + 1]! * shape[i + 1]!;
  return result;
}

/** Calls `visit` with the index of each element of `shape`, in order. */
function each(shape: readonly number[], visit: (index: readonly number[], at: number) => void) {
  const index = shape.map(() => 0);
  const count = elementCount(shape);
  for (let at = 0; at < count; at++) {
    visit(index, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** The element of `x` that numpy's broadcasting puts at `index`. */
function stretched({ shape, data }: Array64, index: readonly number[]): number {
  const by = strides(shape);
  const skip = index.length - shape.length;
  return data[shape.reduce((at, size, i) => at + (size === 1 ? 0 : index[i + skip]! * by[i]!), 0)]!;
}

/** Every product of a convolution, by the places of its three numbers. */
function eachProduct(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { strides: [sh, sw], pads: [top, left], dilations: [dh, dw], groups }: Attrs,
  visit: (x: number, w: number, y: number) => void,
) {
  const [batch, height, width, channels] = x as [number, number, number, number];
  const [outputs, kh, kw, depth] = w as [number, number, number, number];
  const [, oh, ow] = y as [number, number, number];
  for (let n = 0; n < batch; n++)
    for (let p = 0; p < oh; p++)
      for (let q = 0; q < ow; q++)
        for (let o = 0; o < outputs; o++)
          for (let i = 0; i < kh; i++)
            for (let j = 0; j < kw; j++)
              for (let c = 0; c < depth; c++) {
                const row = p * sh! + i * dh! - top!;
                const column = q * sw! + j * dw! - left!;
                if (row < 0 || column < 0 || row >= height || column >= width) continue;
                const channel = Math.floor(o / (outputs / groups)) * depth + c;
                visit(
                  ((n * height + row) * width + column) * channels + channel,
                  ((o * kh + i) * kw + j) * depth + c,
                  ((n * oh + p) * ow + q) * outputs + o,
                );
              }
}

/** Each window of a pooling: the places of its elements, its cells, and its own place. */
function eachPool(
  x: readonly number[],
  y: readonly number[],
  attrs: Attrs,
  visit: (elements: readonly number[], cells: number, at: number) => void,
) {
  const { kernel, strides: by, pads, dilations } = attrs;
  const [, height, width, channels] = x as [number, number, number, number];
  each(y, ([n, p, q, c], at) => {
    const elements: number[] = [];
    for (let i = 0; i < kernel[0]!; i++)
      for (let j = 0; j < kernel[1]!; j++) {
        const row = p! * by[0]! + i * dilations[0]! - pads[0]!;
        const column = q! * by[1]! + j * dilations[1]! - pads[1]!;
        if (row >= 0 && column >= 0 && row < height && column < width)
          elements.push(((n! * height + row) * width + column) * channels + c!);
      }
    visit(elements, kernel[0]! * kernel[1]!, at);
  });
}

function reduced({ shape, data }: Array64, axes: readonly number[]): number[][] {
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const by = strides(kept);
  const groups: number[][] = Array.from({ length: elementCount(kept) }, () => []);
  each(shape, (index, at) => {
    const group = index.reduce((sum, i, axis) => sum + (kept[axis] === 1 ? 0 : i * by[axis]!), 0);
    groups[group]!.push(data[at]!);
  });
  return groups;
}

const KINDS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum: (v) => v.reduce((a, b) => a + b, 0),
  product: (v) => v.reduce((a, b) => a * b, 1),
  mean: (v) => v.reduce((a, b) => a + b, 0) / v.length,
  max: (v) => Math.max(...v),
  min: (v) => Math.min(...v),
};

function softmax(x: Array64, axis: number, log: boolean): Float64Array {
  const by = strides(x.shape)[axis]!;
  const count = x.shape[axis]!;
  return x.data.map((value, i) => {
    const first = i - (Math.floor(i / by) % count) * by;
    const line = Array.from({ length: count }, (_, k) => x.data[first + k * by]!);
    const top = Math.max(...line);
    const sum = line.reduce((total, v) => total + Math.exp(v - top), 0);
    return log ? value - top - Math.log(sum) : Math.exp(value - top) / sum;
  });
}

/** Channel sums over all other axes. */
function byChannel(x: Array64, value: (at: number) => number): Float64Array {
  const channels = x.shape.at(-1)!;
  const sums = new Float64Array(channels);
  for (let i = 0; i < x.data.length; i++) sums[i % channels]! += value(i);
  return sums;
}

function moments(x: Array64): { readonly mean: Float64Array; readonly variance: Float64Array } {
  const channels = x.shape.at(-1)!;
  const rows = x.data.length / channels;
  const mean = byChannel(x, (i) => x.data[i]!).map((sum) => sum / rows);
  const variance = byChannel(x, (i) => (x.data[i]! - mean[i % channels]!) ** 2);
  return { mean, variance: variance.map((sum) => sum / rows) };
}

const OTHERS: Readonly<Record<string, Formula>> = {
  surrogate: ([value]) => value!.data,
  reshape: ([x]) => x!.data,
  cumsum([x], { axis, exclusive, reverse }) {
    const by = strides(x!.shape)[axis]!;
    const count = x!.shape[axis]!;
    return x!.data.map((_, i) => {
      const place = Math.floor(i / by) % count;
      let sum = 0;
      for (let k = 0; k < count; k++) {
        const before = reverse ? k > place : k < place;
        if (before || (k === place && !exclusive)) sum += x!.data[i + (k - place) * by]!;
      }
      return sum;
    });
  },
  softmax: ([x], { axis }) => softmax(x!, axis, false),
  logSoftmax: ([x], { axis }) => softmax(x!, axis, true),
  reduce: ([x], { kind, axes }) =>
    Float64Array.from(reduced(x!, axes), (values) => KINDS[kind]!(values)),
  expand([x], _attrs, shape) {
    const data = new Float64Array(elementCount(shape));
    each(shape, (index, at) => {
      data[at] = stretched(x!, index);
    });
    return data;
  },
  transpose([x], attrs, shape) {
    const perm = attrs.perm;
    const by = strides(x!.shape);
    const data = new Float64Array(elementCount(shape));
    each(shape, (index, at) => {
      data[at] = x!.data[index.reduce((sum, i, axis) => sum + i * by[perm[axis]!]!, 0)]!;
    });
    return data;
  },
  slice([x], attrs, shape) {
    const [starts, steps] = [attrs.starts, attrs.steps];
    const by = strides(x!.shape);
    const data = new Float64Array(elementCount(shape));
    each(shape, (index, at) => {
      const from = index.reduce(
        (s, i, axis) => s + (starts[axis]! + i * steps[axis]!) * by[axis]!,
        0,
      );
      data[at] = x!.data[from]!;
    });
    return data;
  },
  pad([x], attrs, shape) {
    const pads = attrs.pads;
    const by = strides(shape);
    const data = new Float64Array(elementCount(shape)).fill(attrs.value);
    each(x!.shape, (index, at) => {
      data[index.reduce((s, i, axis) => s + (i + pads[axis]!) * by[axis]!, 0)] = x!.data[at]!;
    });
    return data;
  },
  concat(parts, { axis }, shape) {
    const by = strides(shape);
    const data = new Float64Array(elementCount(shape));
    let first = 0;
    for (const part of parts) {
      each(part.shape, (index, at) => {
        const to = index.reduce((s, i, k) => s + (i + (k === axis ? first : 0)) * by[k]!, 0);
        data[to] = part.data[at]!;
      });
      first += part.shape[axis]!;
    }
    return data;
  },
  dense([x, w]) {
    const [outputs, depth] = w!.shape as [number, number];
    return Float64Array.from({ length: (x!.data.length / depth) * outputs }, (_, at) => {
      const [row, o] = [Math.floor(at / outputs) * depth, (at % outputs) * depth];
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += x!.data[row + k]! * w!.data[o + k]!;
      return sum;
    });
  },
  matmul([a, b]) {
    const [depth, columns] = b!.shape as [number, number];
    return Float64Array.from({ length: (a!.data.length / depth) * columns }, (_, at) => {
      const [row, n] = [Math.floor(at / columns) * depth, at % columns];
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += a!.data[row + k]! * b!.data[k * columns + n]!;
      return sum;
    });
  },
  conv2d([x, w], attrs, shape) {
    const data = new Float64Array(elementCount(shape));
    eachProduct(x!.shape, w!.shape, shape, attrs, (i, j, k) => {
      data[k]! += x!.data[i]! * w!.data[j]!;
    });
    return data;
  },
  conv2dInputGradient([dy, w], attrs, shape) {
    const data = new Float64Array(elementCount(shape));
    eachProduct(shape, w!.shape, dy!.shape, attrs, (i, j, k) => {
      data[i]! += dy!.data[k]! * w!.data[j]!;
    });
    return data;
  },
  conv2dWeightGradient([dy, x], attrs, shape) {
    const data = new Float64Array(elementCount(shape));
    eachProduct(x!.shape, shape, dy!.shape, attrs, (i, j, k) => {
      data[j]! += dy!.data[k]! * x!.data[i]!;
    });
    return data;
  },
  maxPool2d([x], attrs, shape) {
    const data = new Float64Array(elementCount(shape));
    eachPool(x!.shape, shape, attrs, (elements, _cells, at) => {
      data[at] = Math.max(...elements.map((i) => x!.data[i]!));
    });
    return data;
  },
  avgPool2d([x], attrs, shape) {
    const data = new Float64Array(elementCount(shape));
    eachPool(x!.shape, shape, attrs, (elements, cells, at) => {
      const sum = elements.reduce((total, i) => total + x!.data[i]!, 0);
      data[at] = sum / (attrs.countPad ? cells : elements.length);
    });
    return data;
  },
  maxPool2dGradient([dy, x], attrs, shape) {
    const data = new Float64Array(elementCount(shape));
    eachPool(shape, dy!.shape, attrs, (elements, _cells, at) => {
      const most = Math.max(...elements.map((i) => x!.data[i]!));
      data[elements.find((i) => x!.data[i] === most)!]! += dy!.data[at]!;
    });
    return data;
  },
  avgPool2dGradient([dy], attrs, shape) {
    const data = new Float64Array(elementCount(shape));
    eachPool(shape, dy!.shape, attrs, (elements, cells, at) => {
      for (const i of elements)
        data[i]! += dy!.data[at]! / (attrs.countPad ? cells : elements.length);
    });
    return data;
  },
  batchNorm([x, gamma, beta, mean, variance], { epsilon }) {
    const channels = gamma!.data.length;
    return x!.data.map((value, i) => {
      const c = i % channels;
      const scale = gamma!.data[c]! / Math.sqrt(variance!.data[c]! + epsilon);
      return (value - mean!.data[c]!) * scale + beta!.data[c]!;
    });
  },
  moments([x]) {
    const { mean, variance } = moments(x!);
    return Float64Array.from([...mean, ...variance]);
  },
  normalizeSums([dy, x, mean]) {
    const channels = mean!.data.length;
    const rows = x!.data.length / channels;
    const sums = [
      ...byChannel(x!, (i) => dy!.data[i]!),
      ...byChannel(x!, (i) => dy!.data[i]! * (x!.data[i]! - mean!.data[i % channels]!)),
    ];
    return Float64Array.from([...sums, ...sums.map((sum) => sum / rows)]);
  },
  normalize([x, gamma, beta], { epsilon }) {
    const { mean, variance } = moments(x!);
    const channels = gamma!.data.length;
    return x!.data.map((value, i) => {
      const c = i % channels;
      const scale = gamma!.data[c]! / Math.sqrt(variance[c]! + epsilon);
      return (value - mean[c]!) * scale + beta!.data[c]!;
    });
  },
};

function compute(value: Value, inputs: readonly Array64[]): Float64Array {
  const shape = value.shape as readonly number[];
  const attrs = value.attrs as unknown as Attrs;
  const one = UNARY[value.op];
  if (one !== undefined) return inputs[0]!.data.map((x) => one(x, attrs));
  const two = BINARY[value.op];
  if (two !== undefined) {
    const data = new Float64Array(elementCount(shape));
    each(shape, (index, at) => {
      data[at] = two(stretched(inputs[0]!, index), stretched(inputs[1]!, index), attrs);
    });
    return data;
  }
  const formula = OTHERS[value.op];
  if (formula === undefined) throw new Error(`no formula of ${value.op}`);
  return formula(inputs, attrs, shape);
}

/** The outputs, and under `state:` names the updates, of a graph of known sizes. */
export function run64(
  graph: Graph,
  feeds: Readonly<Record<string, Float64Array>> = {},
): Record<string, Array64> {
  const values = new Map<Value, Array64>();
  for (const value of topological(graph)) {
    const shape = value.shape as readonly number[];
    const given = Object.hasOwn(feeds, value.name) ? feeds[value.name] : undefined;
    const data =
      given ??
      (value.data !== undefined
        ? Float64Array.from(valuesOf(value.data))
        : compute(
            value,
            value.inputs.map((input) => values.get(input)!),
          ));
    values.set(value, { shape, data });
  }
  const results: Record<string, Array64> = {};
  for (const [name, value] of outputsOf(graph)) results[name] = values.get(value)!;
  for (const [state, next] of updatesOf(graph)) results[`state:${state.name}`] = values.get(next)!;
  return results;
}

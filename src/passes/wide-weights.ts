/**
 * Products of integers by weights of up to 9 bits, -255 to 255. Kernels multiply weights of at most
 * 8 bits with a sign, each less a zero point of its output. So wider ones are 8 bits and a zero
 * point where those of an output span 255 at most, as UINT8 weights do, with a zero point of their
 * own or without. All others are a sum of narrow parts, and the parts are one product with x beside
 * itself:
 *
 *   dense(x, w_1 + ... + w_n)  ->  dense([x, ..., x], [w_1, ..., w_n])        conv2d likewise
 *
 * The sums stay exact. Not here: which products have such weights (./integers.ts).
 */
import { type ByteInteger, integerDtype, isByteInteger } from '../core/dtype.js';
import type { Attrs, Value } from '../graph/value.js';
import { isOp, type OpName } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import type { Tensor } from '../tensor/tensor.js';
import { tensorOf } from '../tensor/values.js';
import type { Rule } from './rewrite.js';

/** What makes the nodes around a product, and names them. */
export type MakeNode = (
  op: OpName,
  inputs: readonly Value[],
  attrs: Attrs,
  suffix: string,
) => Value;

/** What kernels hold of a weight: -128 to 127, or 0 to 127. */
const [LEAST_PART, MOST_PART] = [-128, 127];

/** Weights as the sum of parts, which stand beside each other along the last axis. */
export interface WideWeights {
  readonly tensor: Tensor<ByteInteger>;
  readonly parts: number;
}

/** Integers from -255 to 255, [O, ..., C], in the smallest dtype that parts of them fit. */
export function wideWeights({ data, shape }: Pick<Tensor, 'data' | 'shape'>): WideWeights {
  let [lo, hi] = [0, 0];
  for (const value of data) {
    if (value < lo) lo = value;
    if (value > hi) hi = value;
  }
  const parts = Math.max(1, Math.ceil(hi / MOST_PART), Math.ceil(lo / LEAST_PART));
  const dtype = integerDtype(shareOf(lo, 0, parts), shareOf(hi, parts - 1, parts)) as ByteInteger;
  const depth = shape.at(-1) as number;
  const wide = new Float32Array(data.length * parts);
  for (let row = 0; row < data.length / depth; row++)
    for (let part = 0; part < parts; part++)
      for (let c = 0; c < depth; c++)
        wide[(row * parts + part) * depth + c] = shareOf(data[row * depth + c]!, part, parts);
  return { tensor: tensorOf(dtype, wide, [...shape.slice(0, -1), depth * parts]), parts };
}

/** Integers whose sum over all parts is v: floor(v / n) + floor((v + 1) / n) + ... */
export function shareOf(value: number, part: number, parts: number): number {
  return Math.floor((value + part) / parts);
}

/** Values side by side along the last axis, where each group's channels stay neighbours. */
export function sideBySide(values: readonly Value[], groups: number, makeNode: MakeNode): Value {
  const [first] = values as readonly [Value, ...Value[]];
  if (values.length === 1) return first;
  const before = first.shape.slice(0, -1);
  const channels = values.map((value) => value.shape.at(-1) as number);
  const split = (value: Value, i: number) =>
    makeNode('reshape', [value], { shape: [...before, groups, channels[i]! / groups] }, '/groups');
  const parts = groups === 1 ? values : values.map(split);
  const joined = makeNode('concat', parts, { axis: parts[0]!.shape.length - 1 }, '/parts');
  if (groups === 1) return joined;
  const all = channels.reduce((sum, count) => sum + count, 0);
  return makeNode('reshape', [joined], { shape: [...before, all] }, '/joined');
}

/** The exact sums, i32, of x by weights that are so many parts side by side. */
export function productOfParts(
  op: 'conv2d' | 'dense',
  name: string,
  x: Value,
  w: Value,
  parts: number,
  attrs: Attrs,
): Value {
  const groups = op === 'conv2d' ? (attrs.groups as number) : 1;
  const makeNode: MakeNode = (part, inputs, of, suffix) => make(part, name + suffix, inputs, of);
  return make(op, name, [sideBySide(new Array(parts).fill(x), groups, makeNode), w], attrs);
}

/** Weights [O, ...] of 8 bits, each less a zero point of its output. */
interface ZeroedWeights {
  readonly tensor: Tensor<'i8'>;
  readonly zeros: readonly number[];
}

const zeroed = new WeakMap<Tensor, ZeroedWeights | null>();

/** Integers from -255 to 255 as such weights; undefined where those of an output span more. */
export function besideZeros(numbers: Tensor): ZeroedWeights | undefined {
  let found = zeroed.get(numbers);
  if (found === undefined) {
    found = split(numbers) ?? null;
    zeroed.set(numbers, found);
  }
  return found ?? undefined;
}

function split({ data, shape, size }: Tensor): ZeroedWeights | undefined {
  const one = zeroFor(data);
  const outputs = one === undefined ? (shape[0] as number) : 1;
  const each = size / outputs;
  const zeros: number[] = [];
  for (let o = 0; o < outputs; o++) {
    const own = one ?? zeroFor(data.subarray(o * each, (o + 1) * each));
    if (own === undefined) return undefined;
    zeros.push(own);
  }
  const held = Int8Array.from({ length: size }, (_, i) => data[i]! + zeros[Math.floor(i / each)]!);
  return { tensor: tensorOf('i8', held, shape), zeros };
}

/** What integers and 0 are raised by to be of 8 bits; undefined where they span more. */
function zeroFor(numbers: Tensor['data']): number | undefined {
  let [lo, hi] = [0, 0];
  for (const number of numbers) {
    if (number < lo) lo = number;
    if (number > hi) hi = number;
  }
  if (hi - lo > MOST_PART - LEAST_PART) return undefined;
  return hi > MOST_PART ? MOST_PART - hi : lo < LEAST_PART ? LEAST_PART - lo : 0;
}

/** What UINT8 weights are raised by as INT8. */
const RAISE = -128;
const raised = new WeakMap<Tensor, Value>();

/** conv2d and dense of integers with weights of u8, which no kernel reads: as i8. */
export const narrowWeights: Rule = (value) => {
  if (!isOp(value, 'conv2d') && !isOp(value, 'dense')) return undefined;
  const [x, w] = value.inputs as readonly [Value, Value];
  if (!isByteInteger(x.dtype) || w.dtype !== 'u8') return undefined;
  const weightZeros = (value.attrs.weightZeros ?? [0]).map((zero) => zero + RAISE);
  return make(value.op, value.name, [x, asSigned(w)], { ...value.attrs, weightZeros });
};

function asSigned(w: Value): Value {
  if (w.op !== 'constant') {
    const floats = make('cast', `${w.name}.values`, [w], { to: 'f32' });
    const least = constant('raise', tensorOf('f32', Float32Array.of(RAISE), []));
    return make('cast', `${w.name}.signed`, [make('add', `${w.name}.raised`, [floats, least])], {
      to: 'i8',
    });
  }
  const { data, shape } = w.data as Tensor;
  let found = raised.get(w.data as Tensor);
  if (found === undefined) {
    const numbers = Int8Array.from(data, (number) => number + RAISE);
    found = constant(w.name, tensorOf('i8', numbers, shape));
    raised.set(w.data as Tensor, found);
  }
  return found;
}

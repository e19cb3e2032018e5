/**
 * Products of integers by weights of up to 9 bits, -255 to 255. Kernels multiply weights of at most
 * 8 bits with a sign, so wider ones are a sum of narrow parts, and the parts are one product with
 * x beside itself:
 *
 *   dense(x, w_1 + ... + w_n)  ->  dense([x, ..., x], [w_1, ..., w_n])        conv2d likewise
 *
 * The sums stay exact. Integers of 9 bits are what UINT8 weights are without their zero point. Not
 * here: which products have such weights (./integers.ts).
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

/** conv2d and dense of integers with weights of u8, which no kernel reads. */
export const narrowWeights: Rule = (value) => {
  if (!isOp(value, 'conv2d') && !isOp(value, 'dense')) return undefined;
  const [x, w] = value.inputs as readonly [Value, Value];
  if (!isByteInteger(x.dtype) || w.dtype !== 'u8') return undefined;
  const { op, name, attrs } = value;
  if (w.op === 'constant') {
    const wide = wideWeights(w.data as Tensor);
    return productOfParts(op, name, x, constant(w.name, wide.tensor), wide.parts, attrs);
  }
  // What of 0 to 127, of 128 to 254 and of 255 is in each of the weights that a run computes.
  const floats = make('cast', `${w.name}.values`, [w], { to: 'f32' });
  const parts = [0, MOST_PART, 2 * MOST_PART].map((from) => {
    const above = from === 0 ? floats : make('sub', `${w.name}.above`, [floats, scalar(from)]);
    const part = make('clip', `${w.name}.clipped`, [above], { min: 0, max: MOST_PART });
    return make('cast', `${w.name}.part`, [part], { to: 'u7' });
  });
  const joined = make('concat', `${w.name}.parts`, parts, { axis: w.shape.length - 1 });
  return productOfParts(op, name, x, joined, parts.length, attrs);
};

function scalar(value: number): Value {
  return constant('from', tensorOf('f32', Float32Array.of(value), []));
}

/**
 * Constant weights of few bits that a layer of floats reads:
 *
 *   w = reshape((cast(q) - zero) * scale)        q: integers of 1 to 8 bits, or bits
 *   w = one of the first + a few                 far from all others (./few-weights.ts)
 *
 * with one scale and zero point for all, one an output, or one for each block of neighbouring
 * weights of an output. The sub, the mul and the reshape may each be absent, and a slice may cut
 * what fills the last blocks up. Such weights stay expressions, so that they rest in n bits; their
 * kernel does the same operations in the same order. Not here: products of integers, whose weights
 * are integers and zero points (./integers.ts).
 */
import { type ByteInteger, integerBounds, isByteInteger } from '../core/dtype.js';
import { elementCount, sameShape } from '../core/shape.js';
import { type Graph, topological, type Value } from '../graph/value.js';
import { isOp, opDef } from '../ops/index.js';
import { constant } from '../ops/make.js';
import { LEAST_OUTSIDE_INT32, largestHeldSum } from '../ops/multiply.js';
import { Tensor } from '../tensor/tensor.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { type FewWeights, fewWeights } from './few-weights.js';
import { powerCodes } from './power-weights.js';
import type { Rule } from './rewrite.js';

export interface QuantizedWeights {
  /** Constant, [O, ...]; as many an output as the layer multiplies. */
  readonly q: Value<ByteInteger | 'b1'>;
  /** True where q are codes of powers of two (./power-weights.ts). */
  readonly powers?: true;
  /** What is added to a few of them. */
  readonly few?: FewWeights;
  /** [blocks, O]; absent where all are 1. */
  readonly scales?: Tensor<'f32'>;
  /** [blocks, O]; absent where all are 0. */
  readonly zeros?: Tensor<'i8' | 'u8'>;
  /** Neighbouring weights of an output that have one scale and one zero point. */
  readonly block: number;
  /** The floats from q to w. */
  readonly floats: readonly Value[];
}

const known = new WeakMap<Value, QuantizedWeights | null>();

/** How w is made of constants of few bits; undefined where it is not. */
export function quantizedWeights(w: Value): QuantizedWeights | undefined {
  let found = known.get(w);
  if (found === undefined) {
    found = derive(w) ?? null;
    known.set(w, found);
  }
  return found ?? undefined;
}

/** One number for each block of neighbours of an output. */
interface Grain {
  readonly numbers: Float32Array;
  /** Elements of the operand, of all blocks of an output; 1 where all outputs share them. */
  readonly perOutput: number;
  readonly block: number;
}

function derive(w: Value): QuantizedWeights | undefined {
  const outputs = w.shape[0];
  if (isOp(w, 'add')) {
    const [a, b] = w.inputs;
    return withFew(w, a, b) ?? withFew(w, b, a);
  }
  if (w.dtype !== 'f32' || w.inputs.length === 0 || typeof outputs !== 'number') return undefined;
  const floats: Value[] = [];
  const through = (value: Value): Value => {
    floats.unshift(value);
    return value.inputs[0] as Value;
  };
  let value = w;
  if (cutsRows(value)) value = through(value);
  const filled = value.shape.at(-1);
  if (isOp(value, 'reshape')) value = through(value);
  if (value.shape[0] !== outputs) return undefined;
  const { shape } = value;
  const length = elementCount(shape.slice(1));
  let [scale, zero]: (Grain | undefined)[] = [];
  if (isOp(value, 'mul')) {
    const at = value.inputs.findIndex((input) => sameShape(input.shape, shape));
    scale = grainOf(value.inputs[1 - at], shape);
    if (scale === undefined) return undefined;
    floats.unshift(value);
    value = value.inputs[at] as Value;
  }
  if (isOp(value, 'sub')) {
    zero = grainOf(value.inputs[1], shape);
    if (zero === undefined) return undefined;
    value = through(value);
  }
  if (!sameShape(value.shape, shape)) return undefined;
  // Powers of two that no byte holds are numbers.
  const q = isOp(value, 'cast')
    ? through(value)
    : zero === undefined
      ? powerCodes(value)
      : undefined;
  if (q?.op !== 'constant' || !sameShape(q.shape, shape)) return undefined;
  if (q.dtype !== 'b1' && !isByteInteger(q.dtype)) return undefined;
  const block = Math.min(scale?.block ?? length, zero?.block ?? length);
  if ([scale, zero].some((grain) => grain && grain.block % block !== 0)) return undefined;
  const signed = q.dtype !== 'b1' && integerBounds(q.dtype).lo < 0;
  if (zero && !zero.numbers.every((number) => isZeroPoint(number, q.dtype, signed)))
    return undefined;
  const rows: Rows = {
    outputs,
    taps: length / (filled as number),
    filled: filled as number,
    left: w.shape.at(-1) as number,
  };
  // Of rows that were cut, a block may be a part of the grain's: one that ends where they do.
  const own = rows.taps === 1 || rows.left === filled ? block : gcd(block, rows.left);
  const made = madeOnce(q, [rows, own, scale?.numbers, zero?.numbers], () => {
    const shapeOf = [Math.ceil((rows.taps * rows.left) / own), outputs];
    const spread = (grain: Grain) => spreadOf(grain, rows, own);
    const left = cut(q as Value<ByteInteger | 'b1'>, rows);
    const isNumbers = value.op === 'constant' && value.dtype === 'f32';
    const codes = isNumbers ? left : zero === undefined ? powerCodes(left) : undefined;
    return {
      q: codes ?? left,
      ...(codes && { powers: true }),
      ...(scale && { scales: new Tensor('f32', spread(scale), shapeOf) }),
      ...(zero && { zeros: tensorOf(signed ? 'i8' : 'u8', spread(zero), shapeOf) }),
    };
  });
  return { ...made, block: own, floats };
}

/** Weights of few bits, and a few beside them. */
function withFew(w: Value, base: Value, few: Value): QuantizedWeights | undefined {
  if (![base, few].every((part) => sameShape(part.shape, w.shape))) return undefined;
  const found = quantizedWeights(base);
  if (found === undefined || found.q.dtype === 'b1' || found.few !== undefined) return undefined;
  const beside = fewWeights(few);
  return beside && { ...found, few: beside, floats: [...found.floats, ...beside.floats, w] };
}

/** What is made of the tensors of an expression, and of what. */
interface Made {
  readonly of: readonly unknown[];
  readonly tensors: Pick<QuantizedWeights, 'q' | 'powers' | 'scales' | 'zeros'>;
}

/**
 * By the tensor of q: every size of a batch has an expression of its own over the same tensors, and
 * native constants are found by tensor.
 */
const madeOf = new WeakMap<Tensor, Made[]>();

function madeOnce(q: Value, of: readonly unknown[], make: () => Made['tensors']): Made['tensors'] {
  const all = madeOf.get(q.data as Tensor) ?? [];
  const isSame = (made: Made) => of.every((part, i) => equal(part, made.of[i]));
  let found = all.find(isSame);
  if (found === undefined) {
    found = { of, tensors: make() };
    all.push(found);
    madeOf.set(q.data as Tensor, all);
  }
  return found.tensors;
}

/** Rows by their numbers, all else by identity. */
function equal(a: unknown, b: unknown): boolean {
  if (!isRows(a) || !isRows(b)) return a === b;
  const same = (key: keyof Rows) => a[key] === b[key];
  return same('outputs') && same('taps') && same('filled') && same('left');
}

function isRows(part: unknown): part is Rows {
  return typeof part === 'object' && part !== null && 'outputs' in part;
}

/** The weights of each output are `taps` rows, of which the first `left` of `filled` are left. */
interface Rows {
  readonly outputs: number;
  readonly taps: number;
  readonly filled: number;
  readonly left: number;
}

/** A slice of the first elements along the last axis, of two or more. */
function cutsRows(value: Value): boolean {
  if (!isOp(value, 'slice') || value.shape.length < 2) return false;
  const { starts, steps } = value.attrs;
  const from = value.inputs[0].shape;
  return (
    value.shape.every((dim, i) => i === from.length - 1 || dim === from[i]) &&
    starts.every((start) => start === 0) &&
    steps.every((step) => step === 1)
  );
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function isZeroPoint(number: number, dtype: Value['dtype'], signed: boolean): boolean {
  const { lo, hi } = integerBounds(signed ? 'i8' : 'u8');
  return dtype !== 'b1' && Number.isInteger(number) && lo <= number && number <= hi;
}

/**
 * A constant that broadcasts to weights of a shape: of its axes those behind some axis are 1, and
 * those before it are the weights'.
 */
function grainOf(operand: Value | undefined, shape: Value['shape']): Grain | undefined {
  if (operand?.op !== 'constant' || operand.dtype !== 'f32') return undefined;
  if (operand.shape.length > shape.length) return undefined;
  const missing = new Array<number>(shape.length - operand.shape.length).fill(1);
  const dims = [...missing, ...operand.shape];
  const numbers = (operand.data as Tensor<'f32'>).data;
  const whole = elementCount(shape.slice(1));
  if (numbers.length === 1) return { numbers, perOutput: 0, block: whole };
  let end = dims.length;
  while (end > 0 && dims[end - 1] === 1) end--;
  if (!dims.slice(0, end).every((dim, i) => dim === shape[i])) return undefined;
  return {
    numbers,
    perOutput: elementCount(shape.slice(1, end)),
    block: elementCount(shape.slice(end)),
  };
}

/** [blocks][outputs], of blocks of `block` that may be parts of the grain's own. */
function spreadOf(grain: Grain, { outputs, taps, filled, left }: Rows, block: number) {
  const { numbers, perOutput } = grain;
  const blocks = Math.ceil((taps * left) / block);
  const spread = new Float32Array(blocks * outputs);
  for (let at = 0; at < blocks; at++) {
    const k = at * block;
    const before = Math.floor(k / left) * filled + (k % left);
    const own = perOutput === 0 ? 0 : Math.floor(before / grain.block);
    for (let o = 0; o < outputs; o++)
      spread[at * outputs + o] = numbers[o * perOutput + own] as number;
  }
  return spread;
}

/** The weights that are left. */
function cut<D extends ByteInteger | 'b1'>(q: Value<D>, rows: Rows): Value<D> {
  const { outputs, taps, filled, left } = rows;
  if (left === filled) return q;
  const all = valuesOf(q.data as Tensor);
  const some = new Float32Array(outputs * taps * left);
  for (let row = 0; row < outputs * taps; row++)
    some.set(all.subarray(row * filled, row * filled + left), row * left);
  return constant(`${q.name}.cut`, tensorOf(q.dtype, some, [outputs, taps * left])) as Value<D>;
}

/**
 * The weights of layers that rest in few bits, among values in order: all readers of each
 * are such layers, and nobody else reads the floats between.
 */
export function weightExpressions(
  order: readonly Value[],
  usersOf: (value: Value) => readonly Value[],
  isResult: (value: Value) => boolean,
): Map<Value, QuantizedWeights> {
  const found = new Map<Value, QuantizedWeights>();
  for (const layer of order) {
    const w = readsQuantized(layer) ? (layer.inputs[1] as Value) : undefined;
    const weights = w && !found.has(w) ? quantizedWeights(w) : undefined;
    if (weights === undefined || weights.floats.some(isResult)) continue;
    const own = new Set(weights.floats);
    const readers = weights.floats.flatMap(usersOf).filter((user) => !own.has(user));
    if (readers.every((user) => readsQuantized(user) && user.inputs[0] !== w))
      found.set(w!, weights);
  }
  return found;
}

/** A product of floats by weights, whose kernel takes those of few bits. */
function readsQuantized(layer: Value): boolean {
  return layer.inputs[0]?.dtype === 'f32' && opDef(layer.op).fewBitWeights?.(layer) === true;
}

/** `rule`, but for the floats of such weights. */
export function exceptWeights(graph: Graph, rule: Rule): Rule {
  const order = topological(graph);
  const users = new Map<Value, Value[]>();
  for (const value of order) {
    for (const source of value.inputs) {
      const list = users.get(source);
      if (list === undefined) users.set(source, [value]);
      else list.push(value);
    }
  }
  const results = new Set([...Object.values(graph.outputs), ...Object.values(graph.updates ?? {})]);
  const kept = new Set(
    [
      ...weightExpressions(
        order,
        (value) => users.get(value) ?? [],
        (value) => results.has(value),
      ).values(),
    ].flatMap(({ floats }) => floats),
  );
  return (value, site) => (kept.has(site.original) ? undefined : rule(value, site));
}

/**
 * The weights of a layer of floats that reads integers, (cast(q) - zero) * scale with q of `dtype`,
 * where a few of 16 bits stand beside others under a scale of each output: both have exact sums
 * within 32 bits. Undefined for all other layers.
 */
export function fewUnderIntegers(
  layer: Value,
  { q: { dtype }, zero }: { readonly q: Value; readonly zero: number },
): QuantizedWeights | undefined {
  const [, w] = layer.inputs as readonly Value[];
  if (!readsQuantized(layer) || !isByteInteger(dtype) || w?.dtype !== 'f32') return undefined;
  const { lo, hi } = integerBounds(dtype);
  const weights =
    zero >= lo && zero <= hi && Number.isInteger(zero) ? quantizedWeights(w) : undefined;
  if (weights?.few === undefined || weights.zeros !== undefined || weights.powers) return undefined;
  if (weights.block !== elementCount(w.shape.slice(1)) || weights.q.dtype === 'u8')
    return undefined;
  if (largestHeldSum(dtype, { zeroPoint: zero }, weights.q) >= LEAST_OUTSIDE_INT32)
    return undefined;
  const most = Math.max(hi - zero, zero - lo) * weights.few.most;
  return most < LEAST_OUTSIDE_INT32 ? weights : undefined;
}

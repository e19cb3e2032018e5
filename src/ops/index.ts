/**
 * Every op of the graph, once. A new op is a line here and its own file. Not here: leaves (input,
 * constant, state), which are no ops.
 */
import { expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import { approxSign } from './approx-sign.js';
import type { AttributeRule } from './attributes.js';
import { avgPool2d } from './avg-pool2d.js';
import { avgPool2dGradient } from './avg-pool2d-gradient.js';
import { batchNorm } from './batch-norm.js';
import { add, div, max, min, mul, pow, prelu, remainder, sub } from './binary.js';
import { cast } from './cast.js';
import { clip } from './clip.js';
import { concat } from './concat.js';
import { conv2d } from './conv2d.js';
import { conv2dInputGradient } from './conv2d-input-gradient.js';
import { conv2dWeightGradient } from './conv2d-weight-gradient.js';
import { cumsum } from './cumsum.js';
import { dense } from './dense.js';
import { expand } from './expand.js';
import { acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan } from './functions.js';
import { gate } from './gate.js';
import { integerBinary } from './integer-binary.js';
import { leakyRelu } from './leaky-relu.js';
import { logSoftmax } from './log-softmax.js';
import { matmul } from './matmul.js';
import { maxPool2d } from './max-pool2d.js';
import { maxPool2dGradient } from './max-pool2d-gradient.js';
import { moments } from './moments.js';
import { multiThreshold } from './multi-threshold.js';
import { normalize } from './normalize.js';
import { normalizeSums } from './normalize-sums.js';
import type { OpDef } from './op.js';
import { order } from './order.js';
import { pad } from './pad.js';
import { reduce } from './reduce.js';
import { reshape } from './reshape.js';
import { sign } from './sign.js';
import { slice } from './slice.js';
import { softmax } from './softmax.js';
import { surrogate } from './surrogate.js';
import { take, takeAlong } from './take.js';
import { threshold } from './threshold.js';
import { transpose } from './transpose.js';
import {
  abs,
  ceil,
  erf,
  exp,
  floor,
  log,
  neg,
  relu,
  round,
  sigmoid,
  signum,
  sqrt,
  tanh,
} from './unary.js';

/**
 * What stands at a name here is the doc comment of the GraphBuilder's method of that name.
 */
export const OPS = {
  // Element-wise, two operands, broadcasting as numpy does

  add,
  sub,
  mul,
  div,
  /** a < b ? b : a, and NaN where either is. */
  max,
  /** b < a ? b : a, and NaN where either is. */
  min,
  pow,
  /** What is left of a when it is divided by b toward zero, as C's fmod. */
  remainder,
  /** x < 0 ? x * slope : x */
  prelu,
  /** value where min <= x <= max, else 0 */
  gate,

  // Element-wise, one operand

  relu,
  tanh,
  sigmoid,
  abs,
  neg,
  sqrt,
  exp,
  log,
  /** The error function. */
  erf,
  floor,
  ceil,
  /** Half to even. */
  round,
  /** -1, 0 or 1; the binarization is `sign`. */
  signum,
  leakyRelu,
  clip,

  // The same, each a pass of its own

  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  asinh,
  acosh,
  atanh,

  // Integers

  /** Of two i32 values, exact, wrapping; comparisons give 1 or 0. */
  integerBinary,
  /** Where the largest elements along an axis stand, i32. */
  order,

  // Between dtypes

  cast,
  /** The binarization: -1 iff x < 0. */
  sign,
  /** -1 iff (x < t) xor flip, per channel. */
  threshold,
  /** bias + scale * #{t : x >= t}; thresholds are [C or 1, T]. */
  multiThreshold,

  // Reductions

  /**
   * x [N,H,W,C], w [O,kh,kw,C/groups]. Two binary operands give exact integers, and may be padded
   * with +1 or -1.
   */
  conv2d,
  /** x [...,K], w [O,K] */
  dense,
  /** a [...,M,K], b [K,N] */
  matmul,
  /** The stride is the kernel if none is given. */
  maxPool2d,
  /** The stride is the kernel if none is given. */
  avgPool2d,
  /** Of maxPool2d(x, kernel, ...), from the gradient of its result. */
  maxPool2dGradient,
  /** Of avgPool2d(x, kernel, ...), x of this [height, width], from the gradient of its result. */
  avgPool2dGradient,
  /** Of i32 a sum and a product wrap. */
  reduce,
  /** The sums of the elements up to each along an axis. */
  cumsum,
  /** Along the last axis if none is given. */
  softmax,
  /** Along the last axis if none is given. */
  logSoftmax,
  /** Over the last axis, with given statistics. */
  batchNorm,
  /** Batch norm over the last axis, with the statistics of x itself. */
  normalize,
  /** [2, C]: the mean and the biased variance of each channel, the last axis. */
  moments,
  /** [4, C]: the sums over the rows of dy and of dy (x - mean), and both by the number of rows. */
  normalizeSums,

  // For training

  /** 2c - c|c|, c = x clipped to [-1, 1]. */
  approxSign,
  /**
   * `value`, whose gradient flows into `proxy` instead: a value of its shape, or a number, at which
   * it stops.
   */
  surrogate,

  // Gradients of reductions

  /** dy [N,OH,OW,O], w [O,kh,kw,C/groups] -> the gradient of conv2d with respect to x [N,H,W,C]. */
  conv2dInputGradient,
  /** dy [N,OH,OW,O], x [N,H,W,C] -> the gradient of conv2d with respect to w [O,kh,kw,C/groups]. */
  conv2dWeightGradient,

  // The same elements elsewhere

  /** One size may be -1: what makes the counts agree. */
  reshape,
  transpose,
  /**
   * Every steps[i]-th element of axis i from starts[i] to, without, ends[i]; steps are 1 if none
   * are given.
   */
  slice,
  /** pads are [before of each axis..., after of each axis...]; a binary x takes -1 or 1. */
  pad,
  concat,
  expand,
  /** What stands at `indices`, the same for all lines, along an axis. */
  take,
  /** The same with an index for each element of the result. */
  takeAlong,
} as const satisfies Readonly<Record<string, OpDef>>;

export type OpName = keyof typeof OPS;

type Rules<K extends OpName> = (typeof OPS)[K]['attributes'];

/** The attributes of an op by its name. */
export type AttrsOf<K extends OpName> = {
  readonly [P in keyof Rules<K>]: Rules<K>[P] extends AttributeRule<infer T> ? T : never;
};

/** The inputs of an op by its name: one value an operand. */
export type InputsOf<K extends OpName> = (typeof OPS)[K] extends { readonly variadic: true }
  ? readonly [Value, ...Value[]]
  : { readonly [I in keyof (typeof OPS)[K]['operands']]: Value };

/** A node of one op: its inputs by number, its attributes by name. */
export type OpValue<K extends OpName> = Value & {
  readonly op: K;
  readonly inputs: InputsOf<K>;
  readonly attrs: AttrsOf<K>;
};

/** True for a node of this op, whose inputs and attributes are then typed. */
export function isOp<K extends OpName>(value: Value, op: K): value is OpValue<K> {
  return value.op === op;
}

export function isOpName(name: string): name is OpName {
  return Object.hasOwn(OPS, name);
}

/** @throws BitplaneError ERR_UNSUPPORTED_OP */
export function opDef(name: string): OpDef {
  if (!isOpName(name))
    throw expected('ERR_UNSUPPORTED_OP', `an op of ${Object.keys(OPS).join(', ')}`, name);
  return OPS[name];
}

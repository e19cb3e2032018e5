/**
 * Every op of the graph, once. A new op is a line here and its own file. Not here: leaves (input,
 * constant, state), which are no ops.
 */
import { expected } from '../core/errors.js';
import { avgPool2d } from './avg-pool2d.js';
import { batchNorm } from './batch-norm.js';
import { add, div, max, min, mul, pow, prelu, sub } from './binary.js';
import { cast } from './cast.js';
import { clip } from './clip.js';
import { concat } from './concat.js';
import { conv2d } from './conv2d.js';
import { dense } from './dense.js';
import { expand } from './expand.js';
import { leakyRelu } from './leaky-relu.js';
import { matmul } from './matmul.js';
import { maxPool2d } from './max-pool2d.js';
import { multiThreshold } from './multi-threshold.js';
import type { OpDef } from './op.js';
import { pad } from './pad.js';
import { reduce } from './reduce.js';
import { reshape } from './reshape.js';
import { sign } from './sign.js';
import { slice } from './slice.js';
import { softmax } from './softmax.js';
import { threshold } from './threshold.js';
import { transpose } from './transpose.js';
import {
  abs,
  ceil,
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

export const OPS = {
  // element-wise, two operands
  add,
  sub,
  mul,
  div,
  max,
  min,
  pow,
  prelu,
  // element-wise, one operand
  relu,
  tanh,
  sigmoid,
  abs,
  neg,
  sqrt,
  exp,
  log,
  floor,
  ceil,
  round,
  signum,
  leakyRelu,
  clip,
  // between dtypes
  cast,
  sign,
  threshold,
  multiThreshold,
  // reductions
  conv2d,
  dense,
  matmul,
  maxPool2d,
  avgPool2d,
  reduce,
  softmax,
  batchNorm,
  // the same elements elsewhere
  reshape,
  transpose,
  slice,
  pad,
  concat,
  expand,
} as const satisfies Readonly<Record<string, OpDef>>;

export type OpName = keyof typeof OPS;

/** The attributes of an op by its name. */
export type AttrsOf<K extends OpName> = (typeof OPS)[K] extends OpDef<infer A> ? A : never;

export function isOpName(name: string): name is OpName {
  return Object.hasOwn(OPS, name);
}

/** @throws BitplaneError ERR_UNSUPPORTED_OP */
export function opDef(name: string): OpDef {
  if (!isOpName(name))
    throw expected('ERR_UNSUPPORTED_OP', `an op of ${Object.keys(OPS).join(', ')}`, name);
  return OPS[name];
}

/**
 * Which lowering each op has, once. Not here: the lowerings (one file an op).
 */
import { BitplaneError } from '../../core/errors.js';
import type { Value } from '../../graph/value.js';
import { type OPS, type OpName, opDef } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import { lowerAvgPool2d } from './avg-pool2d.js';
import { lowerAvgPool2dGradient } from './avg-pool2d-gradient.js';
import { lowerBinary, lowerPow, lowerRemainder } from './binary.js';
import { lowerConcat } from './concat.js';
import type { LoweringContext } from './context.js';
import { lowerConv2d } from './conv2d.js';
import { lowerConv2dInputGradient } from './conv2d-input-gradient.js';
import { lowerConv2dWeightGradient } from './conv2d-weight-gradient.js';
import { lowerDense } from './dense.js';
import { lowerExpand } from './expand.js';
import { lowerFunction } from './functions.js';
import { lowerIntegerBinary } from './integer-binary.js';
import { lowerCumsum, lowerOrder, lowerTake, lowerTakeAlong } from './lines.js';
import { lowerMap } from './map.js';
import { lowerMaxPool2d } from './max-pool2d.js';
import { lowerMaxPool2dGradient } from './max-pool2d-gradient.js';
import { lowerMoments } from './moments.js';
import { lowerNormalizeSums } from './normalize-sums.js';
import { lowerPad } from './pad.js';
import { lowerReduce } from './reduce.js';
import { lowerSign } from './sign.js';
import { lowerSlice } from './slice.js';
import { lowerSoftmax } from './softmax.js';
import { lowerTranspose } from './transpose.js';

export type Lowering = (kernel: KernelCall, context: LoweringContext) => void;

/** Why an op never begins a kernel. */
type Reason = { readonly never: string };

/**
 * Ops that an epilogue says need no lowering, nor do those that keep every element in its place.
 */
type InEpilogues = {
  [K in OpName]: (typeof OPS)[K] extends { step: unknown } | { elementwise: true } ? K : never;
}[OpName];

/** Every op that no epilogue says is here: a forgotten one does not compile. */
export const LOWERINGS = {
  conv2d: lowerConv2d,
  conv2dInputGradient: lowerConv2dInputGradient,
  conv2dWeightGradient: lowerConv2dWeightGradient,
  dense: lowerDense,
  maxPool2d: lowerMaxPool2d,
  avgPool2d: lowerAvgPool2d,
  maxPool2dGradient: lowerMaxPool2dGradient,
  avgPool2dGradient: lowerAvgPool2dGradient,
  reduce: lowerReduce,
  moments: lowerMoments,
  normalizeSums: lowerNormalizeSums,
  softmax: lowerSoftmax,
  transpose: lowerTranspose,
  sign: lowerSign,
  slice: lowerSlice,
  pad: lowerPad,
  concat: lowerConcat,
  expand: lowerExpand,
  pow: lowerPow,
  remainder: lowerRemainder,
  integerBinary: lowerIntegerBinary,
  order: lowerOrder,
  cumsum: lowerCumsum,
  take: lowerTake,
  takeAlong: lowerTakeAlong,
  sin: lowerFunction,
  cos: lowerFunction,
  tan: lowerFunction,
  asin: lowerFunction,
  acos: lowerFunction,
  atan: lowerFunction,
  sinh: lowerFunction,
  cosh: lowerFunction,
  asinh: lowerFunction,
  acosh: lowerFunction,
  atanh: lowerFunction,
  matmul: { never: 'legalization makes a dense layer of it' },
  batchNorm: { never: 'legalization makes arithmetic of it' },
  logSoftmax: { never: 'legalization makes arithmetic of it' },
  surrogate: { never: 'it is its first operand' },
  normalize: { never: 'legalization makes moments and arithmetic of it' },
  reshape: { never: 'it is the memory of its operand' },
  threshold: { never: 'it is a step of an epilogue' },
} as const satisfies Readonly<Record<Exclude<OpName, InEpilogues>, Lowering | Reason>> &
  Readonly<Partial<Record<InEpilogues, Lowering>>>;

/** The node whose work a kernel does first; of an epilogue alone, the last that it computes. */
export function layerOf({ anchor, map, epilogue }: KernelCall): Value {
  if (!map) return anchor;
  return epilogue.findLast((step) => step.kind !== 'store')?.value ?? anchor;
}

/** @throws BitplaneError ERR_UNSUPPORTED for an op that no kernel runs, naming the node */
export function lower(kernel: KernelCall, context: LoweringContext): void {
  const layer = layerOf(kernel);
  context.asm.site = { op: layer.op, node: layer.name };
  const { op, name } = kernel.anchor;
  const lowering = kernel.map ? lowerMap : loweringOf(op);
  if (typeof lowering !== 'function') {
    const why = lowering?.never ?? 'no kernel runs this op with these operands';
    throw new BitplaneError('ERR_UNSUPPORTED', why, { op, node: name });
  }
  lowering(kernel, context);
}

function loweringOf(op: string): Lowering | Reason | undefined {
  const own = (LOWERINGS as Readonly<Record<string, Lowering | Reason>>)[op];
  if (own !== undefined) return own;
  // An epilogue could say it, but not with operands that lie as these do.
  const { scalar, operands } = opDef(op);
  return scalar !== undefined && operands.length === 2 ? lowerBinary : undefined;
}

/**
 * Which lowering each op has, once. Not here: the lowerings.
 */
import { BitplaneError } from '../../core/errors.js';
import type { Kernel } from '../../passes/fuse.js';
import type { LoweringContext } from './context.js';
import { lowerConv2d, lowerDense, lowerMap, lowerPool } from './layers.js';
import {
  lowerBinary,
  lowerConcat,
  lowerExpand,
  lowerPad,
  lowerReduce,
  lowerSlice,
  lowerSoftmax,
  lowerTranspose,
} from './movement.js';

export type Lowering = (kernel: Kernel, context: LoweringContext) => void;

const LOWERINGS: Readonly<Record<string, Lowering>> = {
  conv2d: lowerConv2d,
  dense: lowerDense,
  maxPool2d: lowerPool,
  avgPool2d: lowerPool,
  transpose: lowerTranspose,
  slice: lowerSlice,
  pad: lowerPad,
  concat: lowerConcat,
  expand: lowerExpand,
  reduce: lowerReduce,
  softmax: lowerSoftmax,
  add: lowerBinary,
  sub: lowerBinary,
  mul: lowerBinary,
  div: lowerBinary,
  max: lowerBinary,
  min: lowerBinary,
  pow: lowerBinary,
  prelu: lowerBinary,
};

/** @throws BitplaneError ERR_UNSUPPORTED for an op that no kernel runs, naming the node */
export function lower(kernel: Kernel, context: LoweringContext): void {
  const lowering = kernel.map ? lowerMap : LOWERINGS[kernel.anchor.op];
  if (lowering === undefined) {
    throw new BitplaneError('ERR_UNSUPPORTED', 'no kernel runs this op with these operands', {
      op: kernel.anchor.op,
      node: kernel.anchor.name,
    });
  }
  lowering(kernel, context);
}

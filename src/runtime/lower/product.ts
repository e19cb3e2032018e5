/**
 * What convolutions and dense layers share: packed weights, and an epilogue, a table of thresholds
 * or exact integers as the result.
 */
import { expected } from '../../core/errors.js';
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import { type LoweringContext, thresholdTensors } from './context.js';

interface Convolution {
  readonly o: number;
  readonly c: number;
  readonly g: number;
  readonly padding: number;
  readonly [field: string]: number;
}

export function emitConvolution(
  kernel: KernelCall,
  context: LoweringContext,
  x: Value,
  w: Value,
  fields: Convolution,
): void {
  const node = kernel.anchor;
  if (fields.c === 0)
    throw expected('ERR_UNSUPPORTED', 'at least one channel', 0, { op: node.op, node: node.name });
  const depthwise = fields.g > 1 && fields.g === fields.c && fields.o === fields.c;
  const reader = x.dtype === 'b1' ? 'bconv' : depthwise ? 'dwconv' : 'conv';
  const weights = context.weights(w, node, reader, fields);
  const operands = { x: context.buffer(x), weights: weights.buffer, weightBits: weights.bits };
  if (x.dtype === 'b1') {
    const only = kernel.epilogue.length === 1 ? kernel.epilogue[0] : undefined;
    if (only?.kind === 'store') {
      context.asm.emit('bconv', {
        ...fields,
        ...operands,
        y: context.buffer(only.value),
        thresholds: -1,
      });
    } else if (only?.kind === 'threshold') {
      context.asm.emit('bconv', {
        ...fields,
        ...operands,
        y: context.buffer(only.value),
        thresholds: thresholdTable(only.value, context),
      });
    } else {
      context.asm.emit(
        'bconv',
        { ...fields, ...operands, y: -1, thresholds: -1 },
        context.epilogue(kernel, fields.o),
      );
    }
    return;
  }
  context.asm.emit(reader, { ...fields, ...operands }, context.epilogue(kernel, fields.o));
}

/** int32 [2][o]: thresholds, then flips. */
function thresholdTable(node: Value, context: LoweringContext): number {
  const tensors = thresholdTensors(node);
  const [limits, flips] = tensors.map(({ data }) => data) as [Int32Array, Int32Array];
  const make = () => Int32Array.from([...limits, ...flips]);
  const site = { op: node.op, node: node.name };
  return context.made(tensors, 'table', make, limits.length * 8, site);
}

/**
 * What convolutions and dense layers share: packed weights, and an epilogue, a table of thresholds
 * or exact integers as the result.
 */
import { expected } from '../../core/errors.js';
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';

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
  const weights = context.weights(w, node);
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
        context.chain(kernel, fields.o),
      );
    }
    return;
  }
  const depthwise = fields.g > 1 && fields.g === fields.c && fields.o === fields.c;
  context.asm.emit(
    depthwise ? 'dwconv' : 'conv',
    { ...fields, ...operands },
    context.chain(kernel, fields.o),
  );
}

/** int32 [2][o]: thresholds, then flips. */
function thresholdTable(node: Value, context: LoweringContext): number {
  const [, t, flip] = node.inputs;
  if (t?.data === undefined || flip?.data === undefined) {
    throw expected('ERR_UNSUPPORTED', 'constant thresholds', 'a computed one', {
      op: node.op,
      node: node.name,
    });
  }
  const limits = t.data.data as Int32Array;
  const flips = flip.data.data as Int32Array;
  return context.made(
    `${node.name}#table`,
    () => Int32Array.from([...limits, ...flips]),
    limits.length * 8,
  );
}

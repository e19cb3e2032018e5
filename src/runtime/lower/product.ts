/**
 * What convolutions and dense layers share: packed weights, and an epilogue, a table of thresholds
 * or exact integers as the result.
 */
import {
  DTYPES,
  type DType,
  type Integer,
  integerBounds,
  isByteInteger,
} from '../../core/dtype.js';
import { expected } from '../../core/errors.js';
import { elementCount } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { ZeroPointAttrs } from '../../ops/multiply.js';
import { MOST_INTEGER_POWER_BITS, powerCodes } from '../../passes/power-weights.js';
import { type QuantizedWeights, quantizedWeights } from '../../passes/quantized-weights.js';
import type { KernelCall } from '../../schedule/calls.js';
import { storage } from '../../schedule/epilogue.js';
import { FIELD_KINDS, type FieldWeights, fieldsOf } from '../../tensor/field-weights.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type LoweringContext, thresholdTensors } from './context.js';

/** What weights of integers are, in the order of the field `weightKind`. */
const WEIGHT_KINDS = ['signed', 'unsigned', 'bipolar', 'power'] as const;

const POWER = WEIGHT_KINDS.indexOf('power');

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
  if (isByteInteger(x.dtype) || kernel.integers !== undefined) {
    emitIntegers(kernel, context, x, w, fields);
    return;
  }
  const few = x.dtype === 'f32' && !isDepthwise(fields) ? fewBits(w) : undefined;
  if (few !== undefined) {
    emitFewBits(kernel, context, x, few, fields);
    return;
  }
  const shared = x.dtype === 'f32' && !isDepthwise(fields) ? sharedFields(w) : undefined;
  if (shared !== undefined) {
    emitFields(kernel, context, x, shared, fields);
    return;
  }
  const reader = x.dtype === 'b1' ? 'bconv' : isDepthwise(fields) ? 'dwconv' : 'conv';
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

/** One output channel for each input channel. */
function isDepthwise({ g, c, o }: Convolution): boolean {
  return g > 1 && g === c && o === c;
}

/** Constant weights of few bits; undefined for floats and for those that a run computes. */
function fewBits(w: Value): QuantizedWeights | undefined {
  if (w.dtype === 'f32') return quantizedWeights(w);
  const q = storage(w);
  if (q.op !== 'constant') return undefined;
  const block = elementCount(w.shape.slice(1));
  return { q: q as QuantizedWeights['q'], block, floats: [] };
}

/** Sums of floats by weights that are made floats while they are summed. */
function emitFewBits(
  kernel: KernelCall,
  context: LoweringContext,
  x: Value,
  { q, powers, few, scales, zeros, block }: QuantizedWeights,
  { padding: _, ...fields }: Convolution,
): void {
  const node = kernel.anchor;
  const weights = context.weights(q, node, 'conv', fields);
  context.asm.emit(
    'wconv',
    {
      ...fields,
      x: context.buffer(x),
      weights: weights.buffer,
      weightBits: weights.bits,
      weightKind: powers ? POWER : weightKindOf(q.dtype),
      few: tableOf(few?.table, node, context),
      fewScales: tableOf(few?.scales, node, context),
      scales: tableOf(scales, node, context),
      zeros: tableOf(zeros, node, context),
      block,
    },
    context.epilogue(kernel, fields.o),
  );
}

/** Weights that are fields of words which other networks share. */
function sharedFields(w: Value): FieldWeights | undefined {
  const source = storage(w);
  return source.op === 'constant' ? fieldsOf(source.data as Tensor) : undefined;
}

/** Sums of floats by weights whose codes are made floats while they are summed. */
function emitFields(
  kernel: KernelCall,
  context: LoweringContext,
  x: Value,
  { kind, codes, scales, values, noise, row, block, tasks = 0 }: FieldWeights,
  { padding: _, ...fields }: Convolution,
): void {
  const node = kernel.anchor;
  const weights = (data: Tensor | undefined) =>
    data === undefined ? -1 : context.constantWeights(data, node);
  context.asm.emit(
    'fconv',
    {
      ...fields,
      x: context.buffer(x),
      weights: weights(codes.bytes),
      fieldBits: codes.bits,
      kind: FIELD_KINDS.indexOf(kind),
      scales: tableOf(scales, node, context),
      values: weights(values),
      noise: weights(noise?.bytes),
      noiseBits: noise?.bits ?? 0,
      row,
      block,
      tasks,
    },
    context.epilogue(kernel, fields.o),
  );
}

/** Numbers of blocks as a constant; -1 where there are none. */
function tableOf(tensor: Tensor | undefined, node: Value, context: LoweringContext): number {
  if (tensor === undefined) return -1;
  const site = { op: node.op, node: node.name };
  return context.made([tensor], 'by block', () => tensor.data, tensor.data.byteLength, site);
}

/** Exact sums of integers, stored as they are or as the float that an epilogue begins with. */
function emitIntegers(
  kernel: KernelCall,
  context: LoweringContext,
  operand: Value,
  w: Value,
  convolution: Convolution,
): void {
  const node = kernel.anchor;
  const reader = isDepthwise(convolution) ? 'qdwconv' : 'qconv';
  const x = kernel.integers?.q ?? operand;
  const { zeroPoint = kernel.integers?.zero ?? 0, weightZeros } = node.attrs as ZeroPointAttrs;
  const fields = {
    ...convolution,
    xSigned: isSigned(x.dtype) ? 1 : 0,
    xBits: DTYPES[x.dtype].bits,
    weightKind: weightKindOf(w.dtype),
    zero: zeroPoint,
    // These instructions pad with the zero point alone.
    padding: 0,
    method: context.method,
    ...{ few: -1, scales: -1 },
  };
  const few = kernel.integers && quantizedWeights(w);
  const powers = weightZeros ? undefined : powerCodes(storage(w), MOST_INTEGER_POWER_BITS);
  const q = few?.q ?? powers ?? w;
  const weights = context.weights(q, node, reader, fields);
  const only = kernel.epilogue.length === 1 ? kernel.epilogue[0] : undefined;
  const sums = only?.kind === 'store' && only.value.dtype === 'i32' ? only.value : undefined;
  context.asm.emit(
    reader,
    {
      ...fields,
      x: context.buffer(x),
      weights: weights.buffer,
      weightBits: weights.bits,
      weightKind: powers ? POWER : weightKindOf(q.dtype),
      zeros: zerosOf(node, weightZeros, convolution.o, context),
      ...(few && fewFields(kernel, few, context)),
      y: sums === undefined ? -1 : context.buffer(sums),
    },
    sums === undefined ? context.epilogue(kernel, convolution.o) : [],
  );
}

/** A byte for each output, with a sign where the weights have one; -1 where all are 0. */
function zerosOf(
  node: Value,
  zeros: readonly number[] | undefined,
  outputs: number,
  context: LoweringContext,
): number {
  if (zeros === undefined) return -1;
  const bytes = Uint8Array.from({ length: outputs }, (_, o) => zeros[zeros.length === 1 ? 0 : o]!);
  const site = { op: node.op, node: node.name };
  return context.made([], `zeros ${bytes}`, () => bytes, outputs, site);
}

/** The tables of a few weights beside others, whose scales take that of x in. */
function fewFields(
  { anchor: node, integers }: KernelCall,
  { few, scales }: QuantizedWeights,
  context: LoweringContext,
) {
  const { scale } = integers!;
  const site = { op: node.op, node: node.name };
  const outputs = few!.scales.size;
  const numbers = [scales?.data, few!.scales.data];
  const make = () =>
    Float32Array.from(
      { length: 2 * outputs },
      (_, i) => (numbers[i < outputs ? 0 : 1]?.[i % outputs] ?? 1) * scale,
    );
  const from = [few!.scales, ...(scales ? [scales] : [])];
  return {
    few: tableOf(few!.table, node, context),
    scales: context.made(from, `times ${scale}`, make, outputs * 8, site),
  };
}

function isSigned(dtype: DType): boolean {
  return integerBounds(dtype as Integer).lo < 0;
}

function weightKindOf(dtype: DType): number {
  const kind = dtype === 'b1' ? 'bipolar' : isSigned(dtype) ? 'signed' : 'unsigned';
  return WEIGHT_KINDS.indexOf(kind);
}

/** int32 [2][o]: thresholds, then flips. */
function thresholdTable(node: Value, context: LoweringContext): number {
  const tensors = thresholdTensors(node);
  const [limits, flips] = tensors.map(({ data }) => data) as [Int32Array, Int32Array];
  const make = () => Int32Array.from([...limits, ...flips]);
  const site = { op: node.op, node: node.name };
  return context.made(tensors, 'table', make, limits.length * 8, site);
}

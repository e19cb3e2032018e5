/**
 * Lowerings of the layers with windows or weights: convolutions, dense layers, pooling. Not here:
 * data movement (./movement.ts).
 */
import { expected } from '../../core/errors.js';
import type { Value } from '../../graph/value.js';
import type { Kernel } from '../../passes/fuse.js';
import { type LoweringContext, rowsOf } from './context.js';

type Four = readonly [number, number, number, number];
type Two = readonly [number, number];

interface Window {
  readonly strides: Two;
  readonly pads: Four;
  readonly dilations: Two;
}

function windowFields({ strides, pads, dilations }: Window) {
  return {
    sh: strides[0],
    sw: strides[1],
    dh: dilations[0],
    dw: dilations[1],
    pt: pads[0],
    pl: pads[1],
  };
}

function mapFields(x: Value, y: Value) {
  const [n, h, w, c] = x.shape as Four;
  const [, oh, ow, o] = y.shape as Four;
  return { n, h, w, c, oh, ow, o };
}

export function lowerConv2d(kernel: Kernel, context: LoweringContext): void {
  const node = kernel.anchor;
  const [x, w] = node.inputs as [Value, Value];
  const [, kh, kw] = w.shape as Four;
  const { groups, padValue, ...window } = node.attrs as unknown as Window & {
    groups: number;
    padValue: number;
  };
  emitConvolution(kernel, context, x, w, {
    ...mapFields(x, node),
    kh,
    kw,
    ...windowFields(window),
    g: groups,
    padding: padValue,
  });
}

/** A dense layer is a 1 x 1 convolution over as many pixels as x has rows. */
export function lowerDense(kernel: Kernel, context: LoweringContext): void {
  const node = kernel.anchor;
  const [x, w] = node.inputs as [Value, Value];
  const { n, hw, c } = rowsOf(x);
  const window = windowFields({ strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] });
  const o = w.shape[0] as number;
  emitConvolution(kernel, context, x, w, {
    n,
    h: hw,
    w: 1,
    c,
    oh: hw,
    ow: 1,
    o,
    kh: 1,
    kw: 1,
    ...window,
    g: 1,
    padding: 0,
  });
}

interface Convolution {
  readonly o: number;
  readonly c: number;
  readonly g: number;
  readonly padding: number;
  readonly [field: string]: number;
}

function emitConvolution(
  kernel: Kernel,
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
    const only = kernel.chain.length === 1 ? kernel.chain[0] : undefined;
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

export function lowerPool(kernel: Kernel, context: LoweringContext): void {
  const node = kernel.anchor;
  const x = node.inputs[0] as Value;
  const {
    kernel: size,
    countPad,
    ...window
  } = node.attrs as unknown as Window & { kernel: Two; countPad?: boolean };
  const { o: _, ...map } = mapFields(x, node);
  const fields = {
    x: context.buffer(x),
    ...map,
    kh: size[0],
    kw: size[1],
    ...windowFields(window),
  };
  if (node.dtype === 'b1') context.asm.emit('bpool', { ...fields, y: context.buffer(node) });
  else
    context.asm.emit(
      'pool',
      { ...fields, kind: node.op === 'maxPool2d' ? 0 : countPad === true ? 2 : 1 },
      context.chain(kernel, map.c),
    );
}

/** The chain alone, over a value in memory. */
export function lowerMap(kernel: Kernel, context: LoweringContext): void {
  const x = kernel.anchor;
  const { n, hw, c } = rowsOf(x);
  const dtype = { f32: 0, i32: 1, b1: 2 }[x.dtype as string];
  if (dtype === undefined)
    throw expected('ERR_UNSUPPORTED', 'a map over f32, i32 or b1', x.dtype, {
      op: x.op,
      node: x.name,
    });
  context.asm.emit('map', { x: context.buffer(x), dtype, n, hw, c }, context.chain(kernel, c));
}

/**
 * Lowerings that move data or reduce it: transpose, slice, pad, concat, expand, general
 * broadcasting, reductions, softmax. All movement is one strided copy over a box of up to six
 * dimensions. Not here: layers (./layers.ts).
 */
import { expected } from '../../core/errors.js';
import { elementCount } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { Kernel } from '../../passes/fuse.js';
import { memoryBytes } from '../../passes/plan.js';
import type { LoweringContext } from './context.js';

const MAX_RANK = 6;
/**
 * Number of the power function among the operations of `binary`; see
 * native/kernels/epilogue/epilogue.h.
 */
const POW = 1000;

function stridesOf(shape: readonly number[]): number[] {
  const strides = Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--)
    strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  return strides;
}

/** Fields `<prefix>0 .. <prefix>5`, filled up in front with `filler`. */
function box(prefix: string, values: readonly number[], filler: number): Record<string, number> {
  const fields: Record<string, number> = {};
  for (let i = 0; i < MAX_RANK; i++)
    fields[`${prefix}${i}`] = values[i - (MAX_RANK - values.length)] ?? filler;
  return fields;
}

function requireWords(node: Value): void {
  for (const value of [node, ...node.inputs]) {
    if (value.dtype !== 'f32' && value.dtype !== 'i32') {
      throw expected('ERR_UNSUPPORTED', 'operands of dtype f32 or i32', value.dtype, {
        op: node.op,
        node: node.name,
      });
    }
  }
  if (node.shape.length > MAX_RANK)
    throw expected('ERR_UNSUPPORTED', `at most ${MAX_RANK} dimensions`, node.shape.length, {
      op: node.op,
      node: node.name,
    });
}

/** What a reduction over no elements gives, as `evaluate` has it. */
const OVER_NOTHING = {
  mean: Number.NaN,
  sum: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
};

interface Move {
  readonly x: Value;
  readonly xOffset: number;
  readonly yOffset: number;
  readonly sizes: readonly number[];
  readonly xStrides: readonly number[];
  readonly yStrides: readonly number[];
}

function emitCopy(context: LoweringContext, y: Value, move: Move): void {
  // An empty part of a concatenation, or the inside of what is padding alone: native boxes have
  // elements.
  if (move.sizes.includes(0)) return;
  context.asm.emit('copy', {
    x: context.buffer(move.x),
    y: context.buffer(y),
    xoffset: move.xOffset,
    yoffset: move.yOffset,
    ...box('d', move.sizes, 1),
    ...box('xs', move.xStrides, 0),
    ...box('ys', move.yStrides, 0),
  });
}

export function lowerTranspose({ anchor: node }: Kernel, context: LoweringContext): void {
  requireWords(node);
  const x = node.inputs[0] as Value;
  const strides = stridesOf(x.shape as number[]);
  const perm = node.attrs.perm as readonly number[];
  const sizes = node.shape as readonly number[];
  emitCopy(context, node, {
    x,
    xOffset: 0,
    yOffset: 0,
    sizes,
    xStrides: perm.map((axis) => strides[axis] as number),
    yStrides: stridesOf(sizes),
  });
}

export function lowerSlice({ anchor: node }: Kernel, context: LoweringContext): void {
  requireWords(node);
  const x = node.inputs[0] as Value;
  const { starts, steps } = node.attrs as { starts: readonly number[]; steps: readonly number[] };
  const strides = stridesOf(x.shape as number[]);
  const sizes = node.shape as readonly number[];
  const xOffset = starts.reduce((offset, start, i) => offset + start * (strides[i] as number), 0);
  emitCopy(context, node, {
    x,
    xOffset,
    yOffset: 0,
    sizes,
    xStrides: strides.map((s, i) => s * (steps[i] as number)),
    yStrides: stridesOf(sizes),
  });
}

export function lowerPad({ anchor: node }: Kernel, context: LoweringContext): void {
  requireWords(node);
  const x = node.inputs[0] as Value;
  const { pads, value } = node.attrs as { pads: readonly number[]; value: number };
  const yStrides = stridesOf(node.shape as number[]);
  const bits = node.dtype === 'i32' ? value : context.asm.floatBits(value);
  context.asm.emit('fill', {
    y: context.buffer(node),
    count: elementCount(node.shape),
    value: bits,
  });
  const yOffset = yStrides.reduce((offset, stride, i) => offset + stride * (pads[i] as number), 0);
  const sizes = x.shape as readonly number[];
  emitCopy(context, node, { x, xOffset: 0, yOffset, sizes, xStrides: stridesOf(sizes), yStrides });
}

/**
 * Copies the parts that do not lie in place yet. Bits move as 32-bit pieces of their words, which
 * legalization made sure are whole.
 */
export function lowerConcat({ anchor: node, inPlace }: Kernel, context: LoweringContext): void {
  if (node.dtype !== 'b1') requireWords(node);
  const axis = node.attrs.axis as number;
  const elements = (value: Value) =>
    value.shape.map((dim, i) =>
      value.dtype === 'b1' && i === value.shape.length - 1 ? (dim as number) / 32 : (dim as number),
    );
  const yStrides = stridesOf(elements(node));
  let start = 0;
  for (const x of node.inputs) {
    const sizes = elements(x);
    if (inPlace?.has(x) !== true)
      emitCopy(context, node, {
        x,
        xOffset: 0,
        yOffset: start * (yStrides[axis] as number),
        sizes,
        xStrides: stridesOf(sizes),
        yStrides,
      });
    start += sizes[axis] as number;
  }
}

/** Strides that repeat a value along the axes where it has size 1 or none. */
function broadcastStrides(x: Value, shape: readonly number[]): number[] {
  const own = stridesOf(x.shape as number[]);
  const missing = shape.length - own.length;
  return shape.map((_, i) =>
    i < missing || x.shape[i - missing] === 1 ? 0 : (own[i - missing] as number),
  );
}

export function lowerExpand({ anchor: node }: Kernel, context: LoweringContext): void {
  requireWords(node);
  const x = node.inputs[0] as Value;
  const sizes = node.shape as readonly number[];
  emitCopy(context, node, {
    x,
    xOffset: 0,
    yOffset: 0,
    sizes,
    xStrides: broadcastStrides(x, sizes),
    yStrides: stridesOf(sizes),
  });
}

/**
 * A copy of a value as it is, in units of 4 bytes whatever its dtype: for outputs that are inputs
 * or constants.
 */
export function lowerCopy(x: Value, y: Value, context: LoweringContext): void {
  const count = [Math.ceil(memoryBytes(x.dtype, x.shape) / 4)];
  emitCopy(context, y, { x, xOffset: 0, yOffset: 0, sizes: count, xStrides: [1], yStrides: [1] });
}

/** Element-wise with operands that lie in no way a chain knows. */
export function lowerBinary({ anchor: node }: Kernel, context: LoweringContext): void {
  requireWords(node);
  const [a, b] = node.inputs as [Value, Value];
  const sizes = node.shape as readonly number[];
  const op = node.op === 'pow' ? POW : context.asm.epilogueOp(node.op);
  context.asm.emit('binary', {
    a: context.buffer(a),
    b: context.buffer(b),
    y: context.buffer(node),
    op,
    ...box('d', sizes, 1),
    ...box('as', broadcastStrides(a, sizes), 0),
    ...box('bs', broadcastStrides(b, sizes), 0),
  });
}

export function lowerReduce({ anchor: node }: Kernel, context: LoweringContext): void {
  requireWords(node);
  const x = node.inputs[0] as Value;
  const { kind, axes } = node.attrs as {
    kind: 'mean' | 'sum' | 'max' | 'min';
    axes: readonly number[];
  };
  const sorted = [...axes].sort((a, b) => a - b);
  const shape = x.shape as readonly number[];
  const from = sorted[0] ?? 0;
  const contiguous = sorted.every((axis, i) => axis === from + i);
  if (!contiguous)
    throw expected('ERR_UNSUPPORTED', 'a reduction over neighbouring axes', sorted, {
      op: node.op,
      node: node.name,
    });
  const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
  const k = product(shape.slice(from, from + sorted.length));
  const y = context.buffer(node);
  if (k === 0) {
    const value = context.asm.floatBits(OVER_NOTHING[kind]);
    context.asm.emit('fill', { y, count: elementCount(node.shape), value });
    return;
  }
  context.asm.emit('reduce', {
    x: context.buffer(x),
    y,
    kind: ['mean', 'sum', 'max', 'min'].indexOf(kind),
    outer: product(shape.slice(0, from)),
    k,
    inner: product(shape.slice(from + sorted.length)),
  });
}

export function lowerSoftmax({ anchor: node }: Kernel, context: LoweringContext): void {
  requireWords(node);
  const x = node.inputs[0] as Value;
  const axis = node.attrs.axis as number;
  if (axis !== node.shape.length - 1) {
    throw expected('ERR_UNSUPPORTED', 'softmax over the last axis', axis, {
      op: node.op,
      node: node.name,
    });
  }
  const c = node.shape.at(-1) as number;
  context.asm.emit('softmax', {
    x: context.buffer(x),
    y: context.buffer(node),
    rows: c === 0 ? 0 : elementCount(node.shape) / c,
    c,
  });
}

/**
 * conv2dWeightGradient: the pixels are cut into parts, each of which gives a gradient of its own;
 * their sum is the result. How many parts there are depends on the shapes alone, so that the number
 * of threads changes no bit.
 */
import { DTYPES } from '../../core/dtype.js';
import { elementCount } from '../../core/shape.js';
import type { OpValue } from '../../ops/index.js';
import { type KernelCall, scratch } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { mapFields, windowFields } from './window.js';

/** Pixels of a part, at least: its sums are then few beside its products. */
const PART_PIXELS = 4096;
/** Enough for as many threads, of a layer with few weights. */
const MOST_PARTS = 64;
/** Of all parts together, unless there is one alone. */
const PARTS_BYTES = 4 << 20;

/** The parts that so many pixels are cut into, for so many weights. */
export function partsOf(pixels: number, weights: number): number {
  const fitting = Math.floor(PARTS_BYTES / (4 * weights));
  return Math.max(1, Math.min(MOST_PARTS, Math.floor(pixels / PART_PIXELS), fitting));
}

export function lowerConv2dWeightGradient(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'conv2dWeightGradient'>;
  const [dy, x] = node.inputs;
  const y = context.buffer(node);
  const weights = elementCount(node.shape);
  const pixels = elementCount(dy.shape.slice(0, 3));
  if (pixels === 0) {
    context.asm.emit('fill', { y, count: weights, value: 0, bytes: 4 });
    return;
  }
  const {
    kernel: [kh, kw],
    groups,
  } = node.attrs;
  const parts = partsOf(pixels, weights);
  const fields = {
    ...mapFields(x, dy),
    kh,
    kw,
    ...windowFields(node.attrs),
    g: groups,
    xBits: DTYPES[x.dtype].bits,
    x: context.buffer(x),
    dy: context.buffer(dy),
    parts,
  };
  if (parts === 1) {
    context.asm.emit('weight_gradient', { ...fields, y });
    return;
  }
  const memory = scratch(`${node.name}.parts`, 'f32', [parts, ...(node.shape as number[])]);
  context.demands.push(memory);
  const sums = context.buffer(memory);
  context.asm.emit('weight_gradient', { ...fields, y: sums });
  context.asm.emit('reduce', {
    x: sums,
    y,
    kind: 1, // a sum
    outer: 1,
    k: parts,
    inner: weights,
    dtype: 0,
    zero: 0,
    scale: 0,
  });
}

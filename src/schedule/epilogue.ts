/**
 * The steps of an epilogue as a schedule has them, and how an element-wise op reads as one. Not
 * here: which ops share a kernel (./fuse.ts), the steps of the executor (src/runtime/lower).
 */
import type { DType } from '../core/dtype.js';
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp, opDef } from '../ops/index.js';
import type { StepForm } from '../ops/op.js';
import { bringsChannelsFirst, PLANES } from './planes.js';

/** How an operand lies against the epilogue's [N, HW, C]. */
export type OperandKind = 'channel' | 'tensor' | 'image_channel' | 'pixel';

/**
 * What a step reads beside the value that flows through the epilogue: another input, or the map
 * that it repeats.
 */
export interface Operand {
  readonly value: Value;
  readonly layout: OperandKind;
}

/** One step of an epilogue. */
export type EpilogueStep =
  | {
      readonly kind: 'op';
      readonly value: Value;
      readonly form: StepForm;
      readonly reversed: boolean;
      /** In the order in which the form names them; two of one step lie alike. */
      readonly operands: readonly Operand[];
      /** For sign bits: the concatenation that they are written into. */
      readonly into?: Slot;
    }
  | { readonly kind: 'multiThreshold'; readonly value: Value }
  | { readonly kind: 'threshold'; readonly value: Value }
  | { readonly kind: 'store'; readonly value: Value; readonly into?: Slot };

/** A step that an op is. */
export type OpStep = Extract<EpilogueStep, { readonly kind: 'op' }>;

/**
 * Channels of a wider map, from `first` on: a part of a concatenation that is written where it
 * belongs, so that nothing is copied.
 */
export interface Slot {
  readonly whole: Value;
  readonly first: number;
}

/**
 * The value that a reshape or a cast that changes no bits shows; these need no kernel of their own.
 */
export function storage(value: Value): Value {
  let source = value;
  while (source.op === 'reshape') source = source.inputs[0] as Value;
  return source;
}

/** The value whose memory a step writes. */
export function target(step: EpilogueStep): Value {
  return (step.kind === 'op' || step.kind === 'store') && step.into !== undefined
    ? step.into.whole
    : step.value;
}

/** True for an op that is a store of its own kind: bits, or integers. */
export function writesMemory(step: EpilogueStep): boolean {
  return step.kind === 'op' && isStore(step.form);
}

export function isStore({ op }: StepForm): boolean {
  return op.startsWith('store_');
}

/** How the cast of floats to a dtype reads: it is written, in the bytes that memory has for it. */
export function castForm(to: DType): StepForm {
  if (to === 'f32') return { op: 'cast' };
  if (to === 'i32') return { op: 'store_i32' };
  return { op: to.startsWith('u') ? 'store_u8' : 'store_i8' };
}

/** How `user` reads as an epilogue step when its operand number `through` flows. */
export function stepFor(
  user: Value,
  through: number,
  direct: Value,
  images: number,
  available: (operand: Value) => boolean,
): EpilogueStep | undefined {
  if (user.op === 'cast') {
    if (direct.dtype === 'i32' && user.dtype === 'f32') return operation(user, { op: 'cast' });
    return undefined;
  }
  if (direct.dtype !== 'f32' || user.dtype !== 'f32') return undefined;
  if (user.op === 'multiThreshold')
    return through === 0 && user.inputs[1]?.op === 'constant'
      ? { kind: 'multiThreshold', value: user }
      : undefined;
  const form = opDef(user.op).step?.(user.attrs);
  if (form === undefined || !sameShape(user.shape, direct.shape)) return undefined;
  if (user.inputs.length === 1) return operation(user, form);
  const reversed = through === 1;
  if (reversed && form.reversed === undefined) return undefined;
  const operand = user.inputs[1 - through] as Value;
  if (operand === direct || !available(operand)) return undefined;
  const layout = operandLayout(operand, direct, images);
  return layout === undefined
    ? undefined
    : { kind: 'op', value: user, form, reversed, operands: [{ value: operand, layout }] };
}

/** A step of an op that reads its operands as they stand. */
export function operation(value: Value, form: StepForm, operands: readonly Operand[] = []): OpStep {
  return { kind: 'op', value, form, reversed: false, operands };
}

/** What a step reads. */
export function operandsOf(step: EpilogueStep): readonly Operand[] {
  return step.kind === 'op' ? step.operands : [];
}

/**
 * The epilogue with `v - mean` and then `* scale`, both one number a channel, as one step of two
 * operands: what a batch norm begins with. It is the same two operations. Where something else
 * reads the difference, a store stands between the two, and they stay apart.
 */
export function joined(epilogue: readonly EpilogueStep[]): EpilogueStep[] {
  const result: EpilogueStep[] = [];
  for (const step of epilogue) {
    const before = result.at(-1);
    const mean = before && channelOperand(before, 'sub');
    const scale = channelOperand(step, 'mul');
    if (mean === undefined || scale === undefined) result.push(step);
    else result.splice(-1, 1, operation(step.value, { op: 'submul' }, [mean, scale]));
  }
  return result;
}

/** The operand of a step that is `op` with one number a channel. */
function channelOperand(step: EpilogueStep, op: string): Operand | undefined {
  if (step.kind !== 'op' || (step.reversed ? step.form.reversed : step.form.op) !== op)
    return undefined;
  const [operand, second] = step.operands;
  return second === undefined && operand?.layout === 'channel' ? operand : undefined;
}

function operandLayout(operand: Value, direct: Value, images: number): OperandKind | undefined {
  const channels = direct.shape.at(-1) ?? 1;
  const padded = [
    ...Array(Math.max(0, direct.shape.length - operand.shape.length)).fill(1),
    ...operand.shape,
  ];
  const last = padded.at(-1) ?? 1;
  const leading = padded.slice(0, -1);
  if (leading.every((dim) => dim === 1)) {
    // A scalar is a constant that lowering repeats per channel; a scalar from memory has no such
    // form.
    if (last === channels || operand.op === 'constant')
      return sameShape(operand.shape, direct.shape) && operand.op !== 'constant'
        ? 'tensor'
        : 'channel';
  }
  if (sameShape(operand.shape, direct.shape)) return 'tensor';
  if (direct.shape.length < 3) return undefined;
  const middle = leading.slice(1);
  // Through a view the first axis may count something else than the kernel's images.
  if (
    direct.shape[0] === images &&
    leading[0] === images &&
    middle.every((dim) => dim === 1) &&
    last === channels
  )
    return 'image_channel';
  if (sameShape(leading, direct.shape.slice(0, -1)) && last === 1) return 'pixel';
  return undefined;
}

/** How an op reads that writes what flows in a form of its own; undefined for every other op. */
export function storeForm(user: Value, flow: Value, images: number): StepForm | undefined {
  if (user.op === 'sign') return { op: 'store_bits' };
  if (isOp(user, 'transpose'))
    return flow.dtype === 'f32' && bringsChannelsFirst(user, images) ? { op: PLANES } : undefined;
  return user.op === 'cast' && user.dtype !== 'f32' && flow.dtype === 'f32'
    ? castForm(user.dtype)
    : undefined;
}

/**
 * What the passes ask about constants: is a value one, what number or per-channel numbers does it hold, and the folding of one node.
 * A "constant expression" depends on constants only; a binary weight stays one as cast(b1 constant), so that it keeps one bit an element.
 * Not here: which nodes get folded (./fold.ts).
 */
import { elementCount, type Shape } from '../core/shape.js';
import type { Attrs, Value } from '../graph/value.js';
import { constant, make } from '../ops/make.js';
import { partOf } from '../tensor/stored.js';
import { Tensor } from '../tensor/tensor.js';
import { canEvaluate, evaluate } from './evaluate.js';

/** Numbers that are looked at together. */
const FEW = 256;

/** A folded constant may be this much larger than what it was made from; `expand` of a scalar must not fill a file. */
const MAX_GROWTH = 1 << 16;

const known = new WeakMap<Value, boolean>();

/** True where the value depends on constants only. */
export function isConstantExpression(value: Value): boolean {
  const seen = known.get(value);
  if (seen !== undefined) return seen;
  // Inputs of a value that was built by a pass are almost always known already, so the recursion is shallow.
  const result = value.op === 'constant' || (value.inputs.length > 0 && value.inputs.every(isConstantExpression));
  known.set(value, result);
  return result;
}

/** `make`, computed at once where every input is a constant. */
export function fold(op: string, name: string, inputs: readonly Value[], attrs: Attrs): Value {
  const node = make(op, name, inputs, attrs);
  return foldNode(node) ?? node;
}

/** The constant that a node over constants computes; undefined where it must stay a node. */
export function foldNode(node: Value): Value | undefined {
  if (node.inputs.length === 0 || !node.inputs.every((input) => input.op === 'constant')) return undefined;
  // Weights stay one bit: the cast is what a binary layer is recognised by.
  if (node.op === 'cast' && node.inputs[0]!.dtype === 'b1') return undefined;
  if (!canEvaluate(node.op) || node.shape.some((dim) => typeof dim !== 'number')) return undefined;
  const before = node.inputs.reduce((sum, input) => sum + elementCount(input.shape), 0);
  if (elementCount(node.shape) > before + MAX_GROWTH) return undefined;
  const inputs = node.inputs.map((input) => input.data as Tensor);
  return constant(node.name, evaluate(node.op, inputs, node.attrs, node));
}

/** The one number that a constant f32 holds, in whatever shape; undefined for every other value. */
export function scalarOf(value: Value): number | undefined {
  if (value.op !== 'constant' || value.dtype !== 'f32') return undefined;
  const tensor = value.data as Tensor<'f32'>;
  if (tensor.size === 0) return undefined;
  const first = partOf(tensor, 0, 1)[0] as number;
  // The first few tell weights from numbers, and weights may lie in a file.
  for (let at = 1; at < tensor.size; at += FEW) {
    const part = partOf(tensor, at, Math.min(FEW, tensor.size - at));
    if (!part.every((item) => Object.is(item, first))) return undefined;
  }
  return first;
}

/** The numbers of a constant f32 operand of an element-wise op, one a channel of `shape` (its last axis) or one for all. */
export function perChannel(value: Value, shape: Shape): Float32Array | undefined {
  if (value.op !== 'constant' || value.dtype !== 'f32') return undefined;
  const tensor = value.data as Tensor<'f32'>;
  const isChannels = tensor.size === value.shape.at(-1) && value.shape.at(-1) === shape.at(-1);
  return isChannels || tensor.size === 1 ? tensor.data : undefined;
}

/** A constant f32 vector. */
export function vector(name: string, values: Float32Array): Value<'f32'> {
  return constant(name, new Tensor('f32', values, [values.length])) as Value<'f32'>;
}

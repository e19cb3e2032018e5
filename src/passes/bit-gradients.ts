/**
 * Gradients of binary layers read bits: what the layer kept of its input, and its signs.
 *   conv2dWeightGradient(dy, cast(x) * s)  ->  conv2dWeightGradient(dy, x) * s
 *   conv2dInputGradient(dy, cast(w) * s)   ->  conv2dInputGradient(dy, w) * s
 * for one number s; sums of floats either way. So the floats of a binarized map are not in memory
 * until the backward pass. Not here: products of bits (./binarize.ts).
 */
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { make } from '../ops/make.js';
import { bipolarMap, scaleOperand } from './bipolar.js';
import type { Rule } from './rewrite.js';

export const gradientOfBits: Rule = (value) => {
  if (!isOp(value, 'conv2dWeightGradient') && !isOp(value, 'conv2dInputGradient')) return undefined;
  const [dy, other] = value.inputs as readonly [Value, Value];
  const map = bipolarMap(other);
  if (map === undefined) return undefined;
  const { name, op, attrs } = value;
  if (map.scale === 1) return make(op, name, [dy, map.bits], attrs);
  const sums = make(op, `${name}.unscaled`, [dy, map.bits], attrs);
  return make('mul', name, [sums, scaleOperand(`${name}.scale`, Float32Array.of(map.scale))]);
};

/**
 * Constant folding: a node over constants becomes a constant. A transpose or reshape of a binary
 * weight is carried out on its bits, so that the weight stays cast(b1 constant) [* scale]. Not
 * here: how a node is computed, and how much of that may be (./folding.ts).
 */
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { make } from '../ops/make.js';
import { isConstantExpression } from './constants.js';
import type { Folding } from './folding.js';
import { firstOf, type Rule } from './rewrite.js';

const foldConstants: Rule = (value, { folding }) =>
  isConstantExpression(value) ? folding.foldNode(value) : undefined;

/** move(cast(c)) -> cast(move(c)) for constants c. */
const moveBits: Rule = (value, { folding }) => {
  if (!isOp(value, 'transpose') && !isOp(value, 'reshape')) return undefined;
  const [x] = value.inputs;
  if (!isOp(x, 'cast') || !isConstantExpression(x)) return undefined;
  const [bits] = x.inputs;
  return make(
    'cast',
    value.name,
    [folding.fold(value.op, bits.name, [bits], value.attrs)],
    x.attrs,
  );
};

/**
 * move(a * s) -> move(a) * move(s) for constant expressions: the scale of a binary weight follows
 * its bits.
 */
const moveScaled: Rule = (value, { folding }) => {
  if (!isOp(value, 'transpose') && !isOp(value, 'reshape')) return undefined;
  const [x] = value.inputs;
  if (!isOp(x, 'mul') || !isConstantExpression(x)) return undefined;
  const inputs = x.inputs.map((input) => moveOperand(value, x, input, folding));
  return inputs.includes(undefined) ? undefined : make('mul', value.name, inputs as Value[], {});
};

/** The operand of the product `x` as the product of the moved `x` needs it. */
function moveOperand(move: Value, x: Value, input: Value, folding: Folding): Value | undefined {
  if (input.shape.every((dim) => dim === 1) && input.shape.length <= move.shape.length)
    return input;
  const rank = x.shape.length;
  const full = [...new Array<number>(rank - input.shape.length).fill(1), ...input.shape];
  if (move.op === 'transpose')
    return folding.fold(
      'transpose',
      input.name,
      [folding.fold('reshape', input.name, [input], { shape: full })],
      move.attrs,
    );
  if (full.every((dim, i) => dim === x.shape[i]))
    return folding.fold('reshape', input.name, [input], { shape: move.shape });
  // One number an output channel, and the output channels stay the first axis.
  const perOutput =
    full[0] === x.shape[0] &&
    full.slice(1).every((dim) => dim === 1) &&
    move.shape[0] === x.shape[0];
  return perOutput
    ? folding.fold('reshape', input.name, [input], {
        shape: move.shape.map((dim, i) => (i === 0 ? dim : 1)),
      })
    : undefined;
}

export const foldRules: Rule = firstOf(foldConstants, moveBits, moveScaled);

/**
 * A constant expression that is left becomes numbers, the cast of bits too: whoever reads it wants
 * floats.
 */
export const materialize: Rule = (value, { folding }) => {
  if (value.inputs.length === 0 || !value.inputs.every((input) => input.op === 'constant'))
    return undefined;
  return value.op === 'cast' && value.inputs[0]!.dtype === 'b1'
    ? folding.materialize(value)
    : folding.foldNode(value);
};

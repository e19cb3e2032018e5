/**
 * Constant folding: a node over constants becomes a constant. A transpose or reshape of a binary
 * weight is carried out on its bits, so that the weight stays cast(b1 constant) [* scale]. Not
 * here: how a node is computed, and how much of that may be (./folding.ts).
 */
import { DTYPES } from '../core/dtype.js';
import { elementCount, sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { make } from '../ops/make.js';
import { isConstantExpression } from './constants.js';
import { type Folding, isHeldSmall } from './folding.js';
import { centeredConstant, integerConstant } from './integers.js';
import { MOST_INTEGER_POWER_BITS, powerCodes } from './power-weights.js';
import { firstOf, type Rule } from './rewrite.js';
import { isElementwise } from './sink.js';

const foldConstants: Rule = (value, { folding }) =>
  isConstantExpression(value) && !isScaledPowers(value) ? folding.foldNode(value) : undefined;

/** Powers of two that no byte holds, times scales: they rest as codes. */
function isScaledPowers(value: Value): boolean {
  if (!isOp(value, 'mul') || value.shape.length < 2) return false;
  const held = value.inputs.find((input) => sameShape(input.shape, value.shape));
  if (held?.op !== 'constant' || held.data!.size < LEAST_WEIGHTS) return false;
  const codes = powerCodes(held);
  return codes !== undefined && DTYPES[codes.dtype].bits > MOST_INTEGER_POWER_BITS;
}

/**
 * a - b of weights that are no scale and no zero point -> numbers, for constants: a step of what
 * computes logarithmic weights from their codes.
 */
const foldDifference: Rule = (value, { folding }) => {
  if (!isOp(value, 'sub') || !isConstantExpression(value)) return undefined;
  if (value.shape.length < 2) return undefined;
  if (elementCount(value.shape) < LEAST_WEIGHTS) return undefined;
  const numbers = value.inputs.map((input) => {
    const [held, factor] = isOp(input, 'mul') ? input.inputs : [input, undefined];
    if (!sameShape(held.shape, value.shape)) return undefined;
    const whole =
      isHeldSmall(held) && held.inputs[0]!.op === 'constant' ? folding.materialize(held) : held;
    if (whole.op !== 'constant' || (factor && factor.op !== 'constant')) return undefined;
    return factor === undefined ? whole : folding.fold('mul', input.name, [whole, factor], {});
  });
  if (!numbers.every((number) => number?.op === 'constant')) return undefined;
  const folded = folding.fold('sub', value.name, numbers as Value[], {});
  return folded.op === 'constant' ? folded : undefined;
};

/**
 * f(cast(c)) of one operand -> numbers, for constants c: weights that were clipped, or cast again,
 * are not c any more.
 */
const foldHeld: Rule = (value, { folding }) => {
  const [held] = value.inputs;
  if (value.inputs.length !== 1 || !isElementwise(value) || !isHeldSmall(held!)) return undefined;
  if (held!.inputs[0]!.op !== 'constant') return undefined;
  const folded = folding.fold(value.op, value.name, [folding.materialize(held!)], value.attrs);
  return folded.op === 'constant' ? folded : undefined;
};

/** move(cast(c)) -> cast(move(c)) for constants c. */
const moveBits: Rule = (value, { folding }) => {
  if (!isOp(value, 'transpose') && !isOp(value, 'reshape')) return undefined;
  const [x] = value.inputs;
  if (!isOp(x, 'cast') || x.inputs[0].op !== 'constant') return undefined;
  const [bits] = x.inputs;
  const moved = folding.fold(value.op, bits.name, [bits], value.attrs);
  return moved.op === 'constant' ? make('cast', value.name, [moved], x.attrs) : undefined;
};

/**
 * move(a * s) -> move(a) * move(s) for constant expressions, and a - s and a + s likewise: the
 * scale, the zero point and the outliers of weights follow their bits.
 */
const moveScaled: Rule = (value, { folding }) => {
  if (!isOp(value, 'transpose') && !isOp(value, 'reshape')) return undefined;
  const [x] = value.inputs;
  if ((!isOp(x, 'mul') && !isOp(x, 'sub') && !isOp(x, 'add')) || !isConstantExpression(x))
    return undefined;
  const inputs = x.inputs.map((input) => moveOperand(value, x, input, folding));
  return inputs.includes(undefined) ? undefined : make(x.op, value.name, inputs as Value[], {});
};

const isOne = ({ shape }: Value) => shape.every((dim) => dim === 1);

/** The operand of the product `x` as the product of the moved `x` needs it. */
function moveOperand(move: Value, x: Value, input: Value, folding: Folding): Value | undefined {
  // Where `x` is one number too, its operands alone give the result its rank.
  const isFactor = isOne(input) && !isOne(x);
  if (isFactor && input.shape.length <= move.shape.length) return input;
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

/** Fewer numbers than this are no weights that are worth their own dtype. */
const LEAST_WEIGHTS = 8;

/**
 * Weights that are integers of at most 8 bits times scales stay so: c * s -> cast(integers) * s for
 * constants.
 */
const keepIntegers: Rule = (value) => {
  if (!isOp(value, 'mul') || value.shape.length < 2) return undefined;
  const at = value.inputs.findIndex(
    (input) => input.op === 'constant' && sameShape(input.shape, value.shape),
  );
  const [held, scale] = [value.inputs[at], value.inputs[1 - at]];
  if (held?.op !== 'constant' || scale?.op !== 'constant') return undefined;
  if (held.data!.size < LEAST_WEIGHTS || held.data!.size <= scale.data!.size) return undefined;
  const q = integerConstant(held as Value<'f32'>);
  // What has one magnitude may be bits.
  if (q === undefined || isOneMagnitude(q)) return undefined;
  const cast = make('cast', `${held.name}.values`, [q], { to: 'f32' });
  return make('mul', value.name, at === 0 ? [cast, scale] : [scale, cast]);
};

function isOneMagnitude({ data }: Value): boolean {
  const [first = 0] = data!.data;
  return data!.data.every((element) => Math.abs(element) === Math.abs(first));
}

/**
 * cast(c) - z -> the numbers, for constants: without its zero point a weight is an integer too. Not
 * where the integers would take more bits, nor with zero points of blocks: such weights rest as
 * they are.
 */
const foldZeroPoint: Rule = (value, { folding }) => {
  if (!isOp(value, 'sub')) return undefined;
  const [held, zero] = value.inputs;
  if (!isHeldSmall(held) || held.inputs[0]!.op !== 'constant' || zero.op !== 'constant')
    return undefined;
  const [lead = 1] = zero.shape;
  if (zero.data!.size !== 1 && zero.data!.size !== lead) return undefined;
  if (takesMoreBits(value)) return undefined;
  const numbers = folding.materialize(held);
  return folding.fold('sub', value.name, [numbers, zero], {});
};

/** True for integers less integers that need more bits than they have. */
function takesMoreBits(centered: Value): boolean {
  const held = centered.inputs[0]!.inputs[0] as Value;
  const integers = centeredConstant(centered);
  return integers !== undefined && DTYPES[integers.dtype].bits > DTYPES[held.dtype].bits;
}

export const foldRules: Rule = firstOf(
  keepIntegers,
  foldConstants,
  foldHeld,
  foldDifference,
  foldZeroPoint,
  moveBits,
  moveScaled,
);

/**
 * A constant expression that is left becomes numbers, the cast of bits too: whoever reads it wants
 * floats.
 */
export const materialize: Rule = (value, { folding }) => {
  if (value.inputs.length === 0 || !value.inputs.every((input) => input.op === 'constant'))
    return undefined;
  return isHeldSmall(value) ? folding.materialize(value) : folding.foldNode(value);
};

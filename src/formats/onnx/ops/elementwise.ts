/**
 * Element-wise ops, among them those of shape arithmetic on integers known at import. Not here:
 * activations with attributes (./activations.ts), Cast (./move.ts).
 */
import { type Dim, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { OpName } from '../../../ops/index.js';
import type { IntegerKind } from '../../../ops/integer-binary.js';
import type { Importer, NodeContext } from '../context.js';
import {
  areComputedIntegers,
  bitwise,
  foldedIntegers,
  integerNode,
  integerType,
  isWhole,
  ofInteger,
  wholeOf,
  wrapped,
} from './integers.js';
import { elementwiseIntegers } from './known-elements.js';

const plus = (a: number, b: number) => a + b;
const times = (a: number, b: number) => a * b;

export const elementwiseImporters: Readonly<Record<string, Importer>> = {
  Add: arithmetic('add', plus, 0),
  Sub: arithmetic('sub', (a, b) => a - b, 0),
  Mul: arithmetic('mul', times, 1),
  Div: arithmetic('div', (a, b) => Math.trunc(a / b), 1),

  BitwiseAnd: bitwise('and', (a, b) => a & b),
  BitwiseOr: bitwise('or', (a, b) => a | b),
  BitwiseXor: bitwise('xor', (a, b) => a ^ b),

  Relu: (context) =>
    isWide(context)
      ? ofInteger(context, (x) => integerNode(context, 'max', [x, 0], '/relu'))
      : context.onFloats(context.value(0), (x) => context.make('relu', [x], {})),
  Tanh: unary('tanh'),
  Sigmoid: unary('sigmoid'),
  Abs: unaryInteger('abs', Math.abs, (context, x) =>
    integerNode(context, 'max', [x, integerNode(context, 'sub', [0, x], '/opposite')], '/size'),
  ),
  Neg: unaryInteger(
    'neg',
    (x) => 0 - x,
    (context, x) => integerNode(context, 'sub', [0, x], '/opposite'),
  ),
  Sqrt: unary('sqrt'),
  Exp: unary('exp'),
  Log: unary('log'),
  Erf: unary('erf'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Round: unary('round'),
  /** Three-valued: Sign(0) = 0. The passes prove where it may become a bit. */
  Sign: unaryInteger('signum', Math.sign, (context, x) =>
    integerNode(context, 'max', [integerNode(context, 'min', [x, 1], '/most'), -1], '/sign'),
  ),
  ...Object.fromEntries(
    ['Sin', 'Cos', 'Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Acosh', 'Atanh'].map(
      (name) => [name, unary(name.toLowerCase() as OpName)],
    ),
  ),

  Max: folded('max', Math.max),
  Min: folded('min', Math.min),
  Sum: folded('add'),
  Mean(context) {
    const sum = folded('add')(context) as Value;
    return context.make('div', [sum, context.scalar(context.inputCount, '/count')], {}, '/mean');
  },
  Reciprocal: (context) => context.make('div', [context.scalar(1, '/one'), context.value(0)], {}),

  /** Of the sign of b, or with fmod = 1, which floats need, of a. */
  Mod(context) {
    const fmod = context.int('fmod', 0) === 1;
    if (areComputedIntegers(context, 2))
      return foldedIntegers(context, fmod ? 'remainder' : 'mod', 2);
    if (context.isIntegers(0) && context.isIntegers(1)) {
      const formula = fmod
        ? (a: number, b: number) => a % b
        : (a: number, b: number) => ((a % b) + b) % b;
      return elementwiseIntegers(context, 2, ([a, b]) => integer(context, a!, b!, formula, NaN));
    }
    if (!fmod) throw context.expected('ERR_FORMAT', 'fmod = 1 for floats', 0);
    return context.make('remainder', [context.value(0), context.value(1)], {});
  },

  /** The exponent may have another type than the base, which the result has. */
  Pow(context) {
    const base = context.data(0);
    if (isWhole(context, 0)) {
      const dtype = integerType(context, 1);
      if (isWhole(context, 1))
        return wrapped(
          context,
          integerNode(context, 'pow', [wholeOf(context, 0), wholeOf(context, 1)], '/power'),
          dtype,
        );
      const floats = context.make('cast', [base], { to: 'f32' }, '/base');
      const power = context.make('pow', [floats, context.value(1)], {}, '/power');
      return context.make('cast', [power], { to: dtype });
    }
    const exponent = context.real(1);
    const isFloat = exponent.dtype === 'f32';
    return context.make(
      'pow',
      [base, isFloat ? exponent : context.make('cast', [exponent], { to: 'f32' }, '/exponent')],
      {},
    );
  },

  /** The bounds are attributes before operator set 11, inputs after. */
  Clip(context) {
    const before = context.opset < 11;
    const isKnown = (index: number) => before || !context.has(index) || context.isNumber(index);
    if (!isKnown(1) || !isKnown(2) || isWide(context)) return boundedBy(context);
    const bound = (attribute: 'min' | 'max', index: number, otherwise: number) =>
      before
        ? context.float(attribute, otherwise)
        : context.has(index)
          ? context.number(index)
          : otherwise;
    const attrs = {
      min: bound('min', 1, Number.NEGATIVE_INFINITY),
      max: bound('max', 2, Number.POSITIVE_INFINITY),
    };
    return context.onFloats(context.value(0), (x) => context.make('clip', [x], attrs));
  },
};

/** True for computed integers that floats do not hold, and passes know nothing of. */
function isWide(context: NodeContext): boolean {
  return areComputedIntegers(context, 1) && integerType(context, 1) === 'i32';
}

/** Bounds that a run computes, or those of integers: max, then min. */
function boundedBy(context: NodeContext): Value {
  const whole = isWhole(context, 0);
  let x = whole ? wholeOf(context, 0) : context.value(0);
  for (const [index, op] of [
    [1, 'max'],
    [2, 'min'],
  ] as const) {
    if (!context.has(index)) continue;
    if (context.shapeOf(index).some((size) => size !== 1))
      throw context.expected(
        'ERR_UNSUPPORTED',
        `input ${index} to be one number`,
        showShape(context.shapeOf(index)),
      );
    const bound = whole ? wholeOf(context, index) : context.value(index);
    x = whole
      ? integerNode(context, op, [x, bound], `/${op}`)
      : context.make(op, [x, bound], {}, `/${op}`);
  }
  return whole ? wrapped(context, x, integerType(context, 1)) : x;
}

function unary(op: OpName): Importer {
  return (context) => context.make(op, [context.value(0)], {});
}

/**
 * An op of two operands, on values or on integers known at import; `neutral` is the right operand
 * that changes nothing.
 */
function arithmetic(
  op: OpName,
  formula: (a: number, b: number) => number,
  neutral: number,
): Importer {
  return (context) => {
    if (areComputedIntegers(context, 2)) return foldedIntegers(context, op as IntegerKind, 2);
    if (!context.isIntegers(0) || !context.isIntegers(1))
      return context.make(op, [context.value(0), context.value(1)], {});
    return elementwiseIntegers(context, 2, ([a, b]) => integer(context, a!, b!, formula, neutral));
  };
}

function integer(
  context: NodeContext,
  a: Dim,
  b: Dim,
  formula: (a: number, b: number) => number,
  neutral: number,
): Dim {
  if (b === neutral) return a;
  // A sum or product in either order.
  if (a === neutral && (formula === plus || formula === times)) return b;
  const result = typeof a === 'number' && typeof b === 'number' ? formula(a, b) : Number.NaN;
  if (!Number.isSafeInteger(result))
    throw context.expected(
      'ERR_UNSUPPORTED',
      'integers whose result is known at import',
      `${a} and ${b}`,
    );
  return result;
}

/** A function of one number, on a value or on integers known at import. */
function unaryInteger(
  op: OpName,
  formula: (a: number) => number,
  computed: (context: NodeContext, x: Value) => Value,
): Importer {
  return (context) => {
    if (areComputedIntegers(context, 1)) return ofInteger(context, (x) => computed(context, x));
    return context.isIntegers(0)
      ? elementwiseIntegers(context, 1, ([a]) => integer(context, 0, a!, (_, x) => formula(x), NaN))
      : context.make(op, [context.value(0)], {});
  };
}

/** An op of any number of operands, folded from the left. */
function folded(op: OpName, formula = plus): Importer {
  return (context) => {
    const indices = Array.from({ length: context.inputCount }, (_, i) => i);
    if (areComputedIntegers(context, indices.length))
      return foldedIntegers(context, op as IntegerKind, indices.length);
    if (indices.length > 0 && indices.every((i) => context.isIntegers(i)))
      return elementwiseIntegers(context, indices.length, (entries) =>
        entries.reduce((a, b) => integer(context, a, b, formula, NaN)),
      );
    let result: Value = context.value(0);
    for (let i = 1; i < context.inputCount; i++) {
      result = context.make(
        op,
        [result, context.value(i)],
        {},
        i === context.inputCount - 1 ? '' : `/${i}`,
      );
    }
    return result;
  };
}

/**
 * Element-wise ops, among them those of shape arithmetic on integers known at import. Not here:
 * activations with attributes (./activations.ts), Cast (./move.ts).
 */
import type { Dim } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { OpName } from '../../../ops/index.js';
import type { Importer, NodeContext } from '../context.js';
import { elementwiseIntegers } from './known-elements.js';

const plus = (a: number, b: number) => a + b;
const times = (a: number, b: number) => a * b;

export const elementwiseImporters: Readonly<Record<string, Importer>> = {
  Add: arithmetic('add', plus, 0),
  Sub: arithmetic('sub', (a, b) => a - b, 0),
  Mul: arithmetic('mul', times, 1),
  Div: arithmetic('div', (a, b) => Math.trunc(a / b), 1),

  Relu: (context) => context.onFloats(context.value(0), (x) => context.make('relu', [x], {})),
  Tanh: unary('tanh'),
  Sigmoid: unary('sigmoid'),
  Abs: unaryInteger('abs', Math.abs),
  Neg: unaryInteger('neg', (x) => 0 - x),
  Sqrt: unary('sqrt'),
  Exp: unary('exp'),
  Log: unary('log'),
  Erf: unary('erf'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Round: unary('round'),
  /** Three-valued: Sign(0) = 0. The passes prove where it may become a bit. */
  Sign: unary('signum'),

  Max: folded('max', Math.max),
  Min: folded('min', Math.min),
  Sum: folded('add'),
  Mean(context) {
    const sum = folded('add')(context) as Value;
    return context.make('div', [sum, context.scalar(context.inputCount, '/count')], {}, '/mean');
  },
  Reciprocal: (context) => context.make('div', [context.scalar(1, '/one'), context.value(0)], {}),

  /** In ONNX the exponent may have another type than the base. */
  Pow(context) {
    const exponent = context.isIntegers(1)
      ? context.scalar(context.number(1), '/exponent')
      : context.value(1);
    return context.make('pow', [context.value(0), exponent], {});
  },

  /** The bounds are attributes before operator set 11, inputs after. */
  Clip(context) {
    const bound = (attribute: 'min' | 'max', index: number, otherwise: number) =>
      context.opset < 11
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
function unaryInteger(op: OpName, formula: (a: number) => number): Importer {
  return (context) =>
    context.isIntegers(0)
      ? elementwiseIntegers(context, 1, ([a]) => integer(context, 0, a!, (_, x) => formula(x), NaN))
      : context.make(op, [context.value(0)], {});
}

/** An op of any number of operands, folded from the left. */
function folded(op: OpName, formula = plus): Importer {
  return (context) => {
    const indices = Array.from({ length: context.inputCount }, (_, i) => i);
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

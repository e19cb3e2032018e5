/**
 * Comparisons, logic and Where. A truth value is a float 0 or 1, `gate(1, x, least, most)`: exact,
 * and false for NaN. Those that the import knows are computed there (./logic.ts).
 */
import { isByteInteger } from '../../../core/dtype.js';
import { MOST_FLOAT, nextUp } from '../../../core/float32.js';
import type { Value } from '../../../graph/value.js';
import type { IntegerKind } from '../../../ops/integer-binary.js';
import { scalarOf } from '../../../ops/scalar-of.js';
import type { Importer, NodeContext } from '../context.js';
import type { Item } from '../item.js';
import {
  areComputedIntegers,
  comparedWhole,
  integerNode,
  integerType,
  isWhole,
  wholeOf,
  wrapped,
} from './integers.js';
import {
  type Comparison,
  comparedIntegers,
  logicOfIntegers,
  notOfIntegers,
  whereOfIntegers,
} from './logic.js';

export const conditionImporters: Readonly<Record<string, Importer>> = {
  Equal: comparison('Equal'),
  Greater: comparison('Greater'),
  GreaterOrEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessOrEqual: comparison('LessOrEqual'),

  Not: (context) =>
    context.isIntegers(0) ? notOfIntegers(context) : truth(opposite(context, context.truth(0), '')),
  And: logic(
    (a, b) => a && b,
    (context, a, b) => context.make('mul', [a, b], {}),
  ),
  Or: logic(
    (a, b) => a || b,
    (context, a, b) => context.make('max', [a, b], {}),
  ),
  Xor: logic(
    (a, b) => a !== b,
    (context, a, b) => context.make('abs', [context.make('sub', [a, b], {}, '/difference')], {}),
  ),

  /** What is not taken adds 0, infinite or NaN as it may be. */
  Where(context) {
    if ([0, 1, 2].every((i) => context.isIntegers(i))) return whereOfIntegers(context);
    const isTruth = [1, 2].some((i) => context.item(i).kind === 'truth');
    if (!isTruth && isWhole(context, 1) && isWhole(context, 2)) return wholeWhere(context);
    const value = chosen(context, context.real(1), context.real(2));
    return isTruth ? truth(value) : value;
  },

  IsNaN(context) {
    const x = context.value(0);
    const least = { min: -Infinity, max: Infinity };
    const number = context.make('gate', [context.scalar(1, '/1'), x], least, '/number');
    return truth(opposite(context, number, ''));
  },
};

/** `a` where condition 0 is true, else `b`. */
export function chosen(context: NodeContext, a: Value, b: Value, suffix = ''): Value {
  const condition = context.truth(0);
  const [yes, no] = [scalarOf(a), scalarOf(b)];
  // +s or -s, as people write a binarization; the passes know it.
  if (yes !== undefined && no === -yes && Number.isFinite(yes) && isElement(a) && isElement(b)) {
    const twice = context.make(
      'mul',
      [condition, context.scalar(2 * yes, `${suffix}/twice`)],
      {},
      `${suffix}/2s`,
    );
    return context.make('sub', [twice, context.scalar(yes, `${suffix}/s`)], {}, suffix);
  }
  const taken = (value: Value, at: number, name: string) =>
    context.make('gate', [value, condition], { min: at, max: at }, name);
  return context.make(
    'add',
    [taken(a, 1, `${suffix}/if`), taken(b, 0, `${suffix}/else`)],
    {},
    suffix,
  );
}

/** b + condition * (a - b), exact as both wrap. */
function wholeWhere(context: NodeContext): Value {
  const dtype = integerType(context, 3);
  const [a, b] = [1, 2].map((i) => wholeOf(context, i)) as [Value, Value];
  const condition = context.make('cast', [context.truth(0)], { to: 'i32' }, '/condition');
  const difference = integerNode(context, 'sub', [a, b], '/difference');
  const taken = integerNode(context, 'mul', [condition, difference], '/taken');
  return wrapped(context, integerNode(context, 'add', [b, taken], '/chosen'), dtype);
}

const truth = (value: Value): Item => ({ kind: 'truth', value });

const isElement = ({ shape }: Value) => shape.every((size) => size === 1);

function opposite(context: NodeContext, value: Value, suffix: string): Value {
  return context.make('sub', [context.scalar(1, `${suffix}/1`), value], {}, suffix);
}

/** Truth values of floats: a float other than 0 is true, NaN too. */
export function truthOf(context: NodeContext, x: Value): Item {
  const zero = context.make('gate', [context.scalar(1, '/one'), x], { min: 0, max: 0 }, '/zero');
  return truth(opposite(context, zero, ''));
}

function comparison(which: Comparison): Importer {
  return (context) => {
    if (context.isIntegers(0) && context.isIntegers(1)) return comparedIntegers(context, which);
    if (areComputedIntegers(context, 2)) {
      const [kind, flips] = WHOLE[which];
      const [a, b] = [wholeOf(context, 0), wholeOf(context, 1)];
      return comparedWhole(context, kind, flips ? [b, a] : [a, b]);
    }
    const [a, b] = [floatOf(context, 0), floatOf(context, 1)];
    const [left, right] = [scalarOf(a), scalarOf(b)];
    const one = context.scalar(1, '/1');
    if (right !== undefined && isElement(b) && a.shape.length >= b.shape.length)
      return truth(context.make('gate', [one, a], rangeOf(which, right), ''));
    if (left !== undefined && isElement(a) && b.shape.length >= a.shape.length)
      return truth(context.make('gate', [one, b], rangeOf(MIRRORED[which], left), ''));
    // Infinities of one sign are equal, and their difference must be 0.
    const finite = (x: Value, suffix: string) =>
      context.make('clip', [x], { min: -MOST_FLOAT, max: MOST_FLOAT }, suffix);
    const operands = [finite(a, '/left'), finite(b, '/right')];
    const difference = context.make('sub', operands, {}, '/difference');
    return truth(context.make('gate', [one, difference], rangeOf(which, 0), ''));
  };
}

/** The comparison of integers, and whether its operands change places. */
const WHOLE: Readonly<Record<Comparison, readonly [IntegerKind, boolean]>> = {
  Equal: ['equal', false],
  Greater: ['less', true],
  GreaterOrEqual: ['lessOrEqual', true],
  Less: ['less', false],
  LessOrEqual: ['lessOrEqual', false],
};

const MIRRORED: Readonly<Record<Comparison, Comparison>> = {
  Equal: 'Equal',
  Greater: 'Less',
  GreaterOrEqual: 'LessOrEqual',
  Less: 'Greater',
  LessOrEqual: 'GreaterOrEqual',
};

/** The numbers x for which `x which bound` holds, both ends included. */
function rangeOf(which: Comparison, bound: number): { readonly min: number; readonly max: number } {
  // Nothing compares with NaN: an empty range.
  if (Number.isNaN(bound)) return { min: Infinity, max: -Infinity };
  switch (which) {
    case 'Equal':
      return { min: bound, max: bound };
    case 'GreaterOrEqual':
      return { min: bound, max: Infinity };
    case 'LessOrEqual':
      return { min: -Infinity, max: bound };
    case 'Greater':
      return bound === Infinity ? rangeOf(which, NaN) : { min: nextUp(bound), max: Infinity };
    case 'Less':
      return bound === -Infinity ? rangeOf(which, NaN) : { min: -Infinity, max: -nextUp(-bound) };
  }
}

/** A float, or bytes as floats: both are compared exactly. */
function floatOf(context: NodeContext, index: number): Value {
  const x = context.real(index);
  if (x.dtype === 'f32') return x;
  if (isByteInteger(x.dtype)) return context.make('cast', [x], { to: 'f32' }, `/float${index}`);
  throw context.expected('ERR_UNSUPPORTED', 'floats or integers of 8 bits to compare', x.dtype);
}

function logic(
  known: (a: boolean, b: boolean) => boolean,
  computed: (context: NodeContext, a: Value, b: Value) => Value,
): Importer {
  return (context) =>
    context.isIntegers(0) && context.isIntegers(1)
      ? logicOfIntegers(context, known)
      : truth(computed(context, context.truth(0), context.truth(1)));
}

/**
 * Integers and truth values that a run computes. INT64 and INT32 are i32: sums and products wrap at
 * 32 bits, where those of INT64 would at 64. Integers of 8 bits and fewer are computed in i32 and
 * wrap at their own width, as ONNX has it. Not here: integers known at import (../known.ts,
 * ./known-elements.ts).
 */
import { DTYPES, type Integer, integerBounds, isInteger } from '../../../core/dtype.js';
import type { Value } from '../../../graph/value.js';
import type { IntegerKind } from '../../../ops/integer-binary.js';
import type { Importer, NodeContext } from '../context.js';
import { isFloatType } from '../data-type.js';
import { type Item, valueItem } from '../item.js';
import { elementwiseIntegers } from './known-elements.js';

/** True for integers, computed or not; not for truth values that a run computes. */
export function isWhole(context: NodeContext, index: number): boolean {
  const item = context.item(index);
  if (item.kind === 'value') return isInteger(item.value.dtype);
  return item.kind === 'dims' || (item.kind === 'tensor' && !isFloatType(item.tensor.dataType));
}

/** True where all of the first `count` inputs are integers, and a run computes one. */
export function areComputedIntegers(context: NodeContext, count: number): boolean {
  const indices = Array.from({ length: count }, (_, i) => i);
  return indices.every((i) => isWhole(context, i)) && !indices.every((i) => context.isIntegers(i));
}

/** Integers as i32. */
export function wholeOf(context: NodeContext, index: number): Value {
  const value = context.data(index);
  if (value.dtype === 'i32') return value;
  return context.make('cast', [value], { to: 'i32' }, `/whole_${index}`);
}

/** The dtype that integers of these inputs have: that of one narrower than i32, if any is. */
export function integerType(context: NodeContext, count: number): Integer {
  for (let i = 0; i < count; i++) {
    const item = context.item(i);
    if (item.kind === 'value' && isInteger(item.value.dtype)) return item.value.dtype;
    if (item.kind === 'tensor' && !context.isIntegers(i)) {
      const { dtype } = context.data(i);
      if (isInteger(dtype)) return dtype;
    }
  }
  return 'i32';
}

export function integerNode(
  context: NodeContext,
  kind: IntegerKind,
  operands: readonly (Value | number)[],
  suffix = '',
): Value {
  const values = operands.map((x) =>
    typeof x === 'number'
      ? context.integerConstant('i32', Int32Array.of(x), [], `${suffix}/${kind}_by`)
      : x,
  );
  return context.make('integerBinary', values, { kind }, suffix);
}

/** An i32 cut to the bits of a dtype, as arithmetic in that dtype would have left it. */
export function wrapped(context: NodeContext, x: Value, dtype: Integer): Value {
  if (dtype === 'i32') return x;
  const { lo } = integerBounds(dtype);
  const mask = 2 ** DTYPES[dtype].bits - 1;
  const moved = lo === 0 ? x : integerNode(context, 'sub', [x, lo], '/from_least');
  const cut = integerNode(context, 'and', [moved, mask], '/low_bits');
  const back = lo === 0 ? cut : integerNode(context, 'add', [cut, lo], '/from_zero');
  return context.make('cast', [back], { to: dtype });
}

/** `kind` folded over the first `count` inputs from the left. */
export function foldedIntegers(context: NodeContext, kind: IntegerKind, count: number): Value {
  let result = wholeOf(context, 0);
  for (let i = 1; i < count; i++)
    result = integerNode(context, kind, [result, wholeOf(context, i)], `/${i}`);
  return wrapped(context, result, integerType(context, count));
}

/** Integers bit by bit; those known at import are numbers of at most 32 bits. */
export function bitwise(
  kind: 'and' | 'or' | 'xor',
  formula: (a: number, b: number) => number,
): Importer {
  return (context) => {
    if (areComputedIntegers(context, 2)) return foldedIntegers(context, kind, 2);
    if (context.isIntegers(0) && context.isIntegers(1))
      return elementwiseIntegers(context, 2, ([a, b]) => {
        if (typeof a === 'number' && typeof b === 'number' && [a, b].every((n) => (n | 0) === n))
          return formula(a, b);
        const wanted = 'integers of 32 bits that are known at import';
        throw context.expected('ERR_UNSUPPORTED', wanted, `${a} and ${b}`);
      });
    throw context.expected('ERR_UNSUPPORTED', 'operands that are integers', 'others');
  };
}

/** A function of one integer. */
export function ofInteger(context: NodeContext, body: (x: Value) => Value): Value {
  return wrapped(context, body(wholeOf(context, 0)), integerType(context, 1));
}

/** Comparisons as truth values. */
export function comparedWhole(
  context: NodeContext,
  kind: IntegerKind,
  operands: readonly [Value, Value],
): Item {
  const flags = integerNode(context, kind, operands, '/flags');
  return { kind: 'truth', value: context.make('cast', [flags], { to: 'f32' }, '') };
}

/** An op that moves elements, so that truth values stay truth values. */
export function moving(importer: Importer): Importer {
  return (context) => {
    if (!context.hasTruth) return importer(context);
    context.movesTruth = true;
    const results = importer(context);
    const items = (Array.isArray(results) ? results : [results]) as readonly (Item | Value)[];
    const truths = items.map((one) => {
      const item = 'kind' in one ? one : valueItem(one);
      return item.kind === 'value' && item.value.dtype === 'f32'
        ? ({ kind: 'truth', value: item.value } as const)
        : item;
    });
    return Array.isArray(results) ? truths : (truths[0] as Item);
  };
}

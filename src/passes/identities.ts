/**
 * Nodes that compute nothing: removed where the result is the same bits for every operand, NaN and
 * -0 included. Not here: x + 0, which turns -0 into 0 (./binarize.ts drops it where only the sign
 * is taken); merged multiplications, which round once less.
 */
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { make } from '../ops/make.js';
import { scalarOf } from './constants.js';
import type { Rule } from './rewrite.js';

/** x * 1, x / 1, x - 0, x + -0, x ^ 1 and every op whose attributes make it the identity. */
export const dropIdentities: Rule = (value) => {
  const [x, y] = value.inputs as [Value, Value];
  const same = x !== undefined && x.dtype === value.dtype && sameShape(x.shape, value.shape);
  switch (value.op) {
    case 'mul':
      if (same && isNumber(y, 1)) return x;
      return isNumber(x, 1) && sameShape(y.shape, value.shape) ? y : undefined;
    case 'add':
      if (same && isNumber(y, -0)) return x;
      return isNumber(x, -0) && sameShape(y.shape, value.shape) ? y : undefined;
    case 'sub':
      return same && isNumber(y, 0) ? x : undefined;
    case 'div':
    case 'pow':
      return same && isNumber(y, 1) ? x : undefined;
    case 'clip':
      return value.attrs.min === -Infinity && value.attrs.max === Infinity ? x : undefined;
    case 'cast':
    case 'reshape':
    case 'expand':
    case 'slice':
    case 'pad':
      // The same type leaves these nothing to do: a slice or border of any size would change the
      // shape.
      return same ? x : undefined;
    case 'transpose':
      return (value.attrs.perm as readonly number[]).every((axis, i) => axis === i) ? x : undefined;
    case 'concat':
      return value.inputs.length === 1 ? x : undefined;
    default:
      return undefined;
  }
};

/**
 * transpose(transpose(x)), reshape(reshape(x)) and slice(slice(x)) are one; relu(relu(x)) is
 * relu(x), and likewise what rounds or takes a signum.
 */
export const composeRepeats: Rule = (value) => {
  const [inner] = value.inputs;
  if (inner === undefined || inner.op !== value.op) return undefined;
  const [x] = inner.inputs as [Value];
  switch (value.op) {
    case 'transpose': {
      const first = inner.attrs.perm as readonly number[];
      const second = value.attrs.perm as readonly number[];
      return make('transpose', value.name, [x], {
        perm: second.map((axis) => first[axis] as number),
      });
    }
    case 'reshape':
      return make('reshape', value.name, [x], { shape: value.shape });
    case 'slice':
      return composedSlice(value, inner);
    case 'relu':
    case 'round':
    case 'floor':
    case 'ceil':
    case 'signum':
      return inner;
    default:
      return undefined;
  }
};

function isNumber(value: Value, number: number): boolean {
  return Object.is(scalarOf(value), number);
}

/**
 * Element i of the outer is element start + i * step of the inner, which is element start' + (start
 * + i * step) * step' of x.
 */
function composedSlice(outer: Value, inner: Value): Value {
  const [x] = inner.inputs as [Value];
  const list = (node: Value, key: 'starts' | 'ends' | 'steps') =>
    node.attrs[key] as readonly number[];
  const [starts, ends, steps]: [number[], (number | string)[], number[]] = [[], [], []];
  outer.shape.forEach((dim, axis) => {
    const step = list(inner, 'steps')[axis]! * list(outer, 'steps')[axis]!;
    const start =
      list(inner, 'starts')[axis]! + list(outer, 'starts')[axis]! * list(inner, 'steps')[axis]!;
    starts.push(start);
    steps.push(step);
    // An axis with a symbol is taken whole by both.
    ends.push(typeof dim === 'string' ? dim : dim === 0 ? start : start + (dim - 1) * step + 1);
  });
  return make('slice', outer.name, [x], { starts, ends, steps });
}

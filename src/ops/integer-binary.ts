/**
 * integerBinary: arithmetic and comparisons of two i32 values, exact, wrapping at 32 bits; both
 * broadcast as in numpy. Comparisons give 1 or 0. Not here: floats (./binary.ts), products of
 * integers that are sums over channels (./conv2d.ts, ./dense.ts).
 */
import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import type { AttributeRule } from './attributes.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';
import { broadcast } from './shapes.js';
import { indexer } from './strides.js';

type Int = Value<'i32'>;

/** By name; their order is that of IntegerOp in native/kernels/integers/integers.h. */
const KINDS = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: Math.imul,
  /** Toward zero; division by 0 gives 0, as do both remainders. */
  div: (a: number, b: number) => (b === 0 ? 0 : Math.trunc(a / b)),
  /** Of the sign of b. */
  mod: (a: number, b: number) => (b === 0 ? 0 : ((a % b) + b) % b),
  /** Of the sign of a. */
  remainder: (a: number, b: number) => (b === 0 ? 0 : a % b),
  max: Math.max,
  min: Math.min,
  pow: power,
  and: (a: number, b: number) => a & b,
  or: (a: number, b: number) => a | b,
  xor: (a: number, b: number) => a ^ b,
  equal: (a: number, b: number) => (a === b ? 1 : 0),
  less: (a: number, b: number) => (a < b ? 1 : 0),
  lessOrEqual: (a: number, b: number) => (a <= b ? 1 : 0),
} as const;

export type IntegerKind = keyof typeof KINDS;
export const INTEGER_KINDS = Object.keys(KINDS) as readonly IntegerKind[];

const isKind: AttributeRule<IntegerKind> = {
  expects: `one of ${INTEGER_KINDS.map((kind) => JSON.stringify(kind)).join(', ')}`,
  accepts: (value): value is IntegerKind => INTEGER_KINDS.includes(value as IntegerKind),
};

export type IntegerBinaryAttrs = { readonly kind: IntegerKind };

export const integerBinary = {
  name: 'integerBinary',
  operands: ['a', 'b'],
  attributes: { kind: isKind },
  infer(draft) {
    const [a, b] = [operand(draft, 'a', 'i32'), operand(draft, 'b', 'i32')];
    return { dtype: 'i32', shape: broadcast(draft, a.shape, b.shape) };
  },
  method:
    (maker: NodeMaker<IntegerBinaryAttrs>) =>
    (kind: IntegerKind, a: Int, b: Int, options?: Named): Int =>
      maker.node([a, b], { kind }, options) as Int,
  evaluate([a, b], { kind }, result) {
    const shape = result.shape as number[];
    const [left, right] = [indexer(shape, a!.shape), indexer(shape, b!.shape)];
    const size = shape.reduce((product, dim) => product * dim, 1);
    const values = Int32Array.from(
      { length: size },
      (_, i) => KINDS[kind](a!.data[left(i)]!, b!.data[right(i)]!) | 0,
    );
    return tensorOf('i32', values, shape);
  },
  noGradient: 'integers have none',
} satisfies OpDef<IntegerBinaryAttrs>;

/** By squaring; what is below 1 and above -1 is 0. */
function power(a: number, b: number): number {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 === 0 ? 1 : -1) : 0;
  let [result, square] = [1, a];
  for (let rest = b; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = Math.imul(result, square);
    square = Math.imul(square, square);
  }
  return result;
}

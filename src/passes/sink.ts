/**
 * Rules that sink transposes: op(transpose(x)) -> transpose(op(x)), with axes and constant operands
 * permuted, until a transpose meets one that undoes it. A model from ONNX arrives as transpose ->
 * conv2d -> transpose and keeps two of them, at its ends. What a transposition does to an op, the
 * op says (`OpDef.transposed`). Notation: value = op(t), t = transpose(x, perm), so axis i of t is
 * axis perm[i] of x. Not here: flattening, what remains (./layout.ts).
 */
import { type Value, walk } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import { make } from '../ops/make.js';
import type { Transposed } from '../ops/op.js';
import { inverse } from '../ops/permutation.js';
import type { Folding } from './folding.js';
import type { Rule } from './rewrite.js';

export const sinkTransposes: Rule = (value, { folding }) => {
  const { inputs } = value;
  if (isElementwise(value)) {
    const moved = inputs.find((input) => isTranspose(input, value.shape.length));
    return moved && sinkElementwise(value, permOf(moved), folding);
  }
  const [x] = inputs;
  if (x === undefined) return undefined;
  const def = opDef(value.op);
  const moved = (def.variadic ? inputs : [x]).find((input) => isTranspose(input, x.shape.length));
  if (moved === undefined) return undefined;
  const perm = permOf(moved);
  const result = def.transposed?.(value, perm);
  if (result === undefined) return undefined;
  const rest = inputs.slice(1);
  const operands = def.variadic ? sources(value, perm) : [moved.inputs[0] as Value, ...rest];
  return operands && after(value, operands, result);
};

/** True for ops that compute each element of the result from the elements at the same place. */
export function isElementwise(value: Value): boolean {
  if (value.inputs.length === 0) return false;
  const { elementwise, scalar } = opDef(value.op);
  return elementwise === true || scalar !== undefined;
}

function isTranspose(value: Value, rank: number): boolean {
  return value.op === 'transpose' && value.shape.length === rank;
}

export function permOf(transpose: Value): readonly number[] {
  return transpose.attrs.perm as readonly number[];
}

/**
 * A constant that broadcasts to `rank` axes, for an operation whose axes are permuted by the
 * inverse of `perm`.
 */
export function permutedConstant(
  folding: Folding,
  value: Value,
  rank: number,
  perm: readonly number[],
): Value {
  const full = [...new Array<number>(rank - value.shape.length).fill(1), ...value.shape];
  const moved = folding.fold(
    'transpose',
    value.name,
    [folding.fold('reshape', value.name, [value], { shape: full })],
    {
      perm: inverse(perm),
    },
  );
  // Leading axes of size 1 say nothing in a broadcast; without them a per-channel operand is [C].
  const start = moved.shape.findIndex((dim) => dim !== 1);
  return folding.fold('reshape', value.name, [moved], {
    shape: start < 0 ? [] : moved.shape.slice(start),
  });
}

/**
 * Element-wise operands: transposes lose theirs, constants are permuted, others get a transpose.
 */
function sinkElementwise(
  value: Value,
  perm: readonly number[],
  folding: Folding,
): Value | undefined {
  const rank = value.shape.length;
  const inputs = sources(value, perm, (input) =>
    input.op === 'constant' ? permutedConstant(folding, input, rank, perm) : undefined,
  );
  return inputs && after(value, inputs, { attrs: value.attrs, perm });
}

/**
 * The operands before the transpose. Undefined unless fewer transposes remain. An equal count is
 * accepted only when it moves the transpose off an NHWC layer's result; the reverse swap is
 * refused, so the rule terminates.
 */
function sources(
  value: Value,
  perm: readonly number[],
  special: (input: Value) => Value | undefined = () => undefined,
): Value[] | undefined {
  let balance = 0;
  let exchanged = true;
  const inputs = value.inputs.map((input) => {
    if (input.op === 'transpose' && samePerm(permOf(input), perm)) {
      balance--;
      exchanged &&= isLaidOut(input.inputs[0] as Value);
      return input.inputs[0] as Value;
    }
    const replaced = special(input);
    if (replaced !== undefined || input.shape.length !== perm.length) return replaced;
    balance++;
    exchanged &&= !isLaidOut(input);
    return make('transpose', `${input.name}.transposed`, [input], { perm: inverse(perm) });
  });
  return balance > 0 || (balance === 0 && !exchanged) || inputs.includes(undefined)
    ? undefined
    : (inputs as Value[]);
}

/** True where the value comes from a layer on NHWC, through ops that work in any order of axes. */
function isLaidOut(value: Value): boolean {
  const { op, inputs } = sourceOfMap(value);
  return inputs.length > 0 && opDef(op).channelsLast === true;
}

const sourceOfMap = walk((value) => {
  if (value.inputs.length === 0) return undefined;
  const passes = isElementwise(value) || opDef(value.op).transposed !== undefined;
  return passes ? value.inputs.find((input) => input.op !== 'constant') : undefined;
});

/** transpose(op(inputs)): the op keeps its name, as it computes the value in another order. */
function after(value: Value, inputs: readonly Value[], { attrs, perm }: Transposed): Value {
  const moved = make(value.op, value.name, inputs, attrs);
  return make('transpose', `${value.name}.transposed`, [moved], { perm });
}

function samePerm(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

/**
 * Rules that sink transposes: op(transpose(x)) -> transpose(op(x)), with axes and constant operands
 * permuted, until a transpose meets one that undoes it. A model from ONNX arrives as transpose ->
 * conv2d -> transpose and keeps two of them, at its ends. Notation: value = op(t), t = transpose(x,
 * perm), so axis i of t is axis perm[i] of x. Not here: flattening, what remains (./layout.ts).
 */
import { type Value, walk } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import { make } from '../ops/make.js';
import type { Folding } from './folding.js';
import type { Rule } from './rewrite.js';

type Sink = (value: Value, perm: readonly number[], folding: Folding) => Value | undefined;

export const sinkTransposes: Rule = (value, { folding }) => {
  const first = value.inputs.find(
    (input) => input.op === 'transpose' && input.shape.length === rankOf(value),
  );
  if (first === undefined) return undefined;
  const perm = permOf(first);
  const sink = isPointwise(value) ? sinkPointwise : SINKS[value.op];
  return sink?.(value, perm, folding);
};

/** True for ops that compute each element of the result from the elements at the same place. */
export function isPointwise(value: Value): boolean {
  if (value.inputs.length === 0) return false;
  return value.op === 'cast' || value.op === 'sign' || opDef(value.op).scalar !== undefined;
}

export function permOf(transpose: Value): readonly number[] {
  return transpose.attrs.perm as readonly number[];
}

/** inverse[perm[i]] = i */
export function inverse(perm: readonly number[]): number[] {
  const result = new Array<number>(perm.length);
  perm.forEach((axis, i) => {
    result[axis] = i;
  });
  return result;
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

/** The rank in which the axes of the op's operands are counted. */
function rankOf(value: Value): number {
  return value.op === 'reduce' || value.op === 'reshape'
    ? (value.inputs[0] as Value).shape.length
    : value.shape.length;
}

/**
 * Element-wise operands: transposes lose theirs, constants are permuted, others get a transpose.
 */
function sinkPointwise(value: Value, perm: readonly number[], folding: Folding): Value | undefined {
  const rank = value.shape.length;
  const inputs = sources(value, perm, (input) =>
    input.op === 'constant' ? permutedConstant(folding, input, rank, perm) : undefined,
  );
  return inputs && after(value, inputs, value.attrs, perm);
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

/**
 * True where the value comes from a layer that works on NHWC, through ops that work on any order.
 */
function isLaidOut(value: Value): boolean {
  return ['conv2d', 'maxPool2d', 'avgPool2d'].includes(sourceOfMap(value).op);
}

const sourceOfMap = walk((value) =>
  isPointwise(value) || value.op in SINKS
    ? value.inputs.find((input) => input.op !== 'constant')
    : undefined,
);

/**
 * transpose(op(inputs)), the op under the name of the value, which is what it computes in another
 * order.
 */
function after(
  value: Value,
  inputs: readonly Value[],
  attrs: Value['attrs'],
  perm: readonly number[],
): Value {
  return make(
    'transpose',
    `${value.name}.transposed`,
    [make(value.op, value.name, inputs, attrs)],
    { perm },
  );
}

/** A list with one entry an axis, as the axes of x need it. */
function unpermute<T>(list: readonly T[], perm: readonly number[]): T[] {
  return inverse(perm).map((i) => list[i] as T);
}

const SINKS: Readonly<Record<string, Sink>> = {
  concat(value, perm) {
    const inputs = sources(value, perm);
    return (
      inputs && after(value, inputs, { axis: perm[value.attrs.axis as number] as number }, perm)
    );
  },
  pad(value, perm) {
    const pads = value.attrs.pads as readonly number[];
    const rank = perm.length;
    const moved = [...unpermute(pads.slice(0, rank), perm), ...unpermute(pads.slice(rank), perm)];
    return after(value, [source(value)], { ...value.attrs, pads: moved }, perm);
  },
  slice(value, perm) {
    const { starts, ends, steps } = value.attrs as Record<
      'starts' | 'ends' | 'steps',
      readonly (number | string)[]
    >;
    const attrs = {
      starts: unpermute(starts, perm),
      ends: unpermute(ends, perm),
      steps: unpermute(steps, perm),
    };
    return after(value, [source(value)], attrs, perm);
  },
  softmax(value, perm) {
    return after(
      value,
      [source(value)],
      { axis: perm[value.attrs.axis as number] as number },
      perm,
    );
  },
  reduce(value, perm) {
    const axes = value.attrs.axes as readonly number[];
    const keepDims = value.attrs.keepDims as boolean;
    const moved = axes.map((axis) => perm[axis] as number).sort((a, b) => a - b);
    const result = make('reduce', value.name, [source(value)], { ...value.attrs, axes: moved });
    if (keepDims) return make('transpose', `${value.name}.transposed`, [result], { perm });
    // The axes that are left, in the order they have in t, numbered as they stand in x.
    const left = perm.filter((_, i) => !axes.includes(i));
    const order = [...left].sort((a, b) => a - b);
    return make('transpose', `${value.name}.transposed`, [result], {
      perm: left.map((axis) => order.indexOf(axis)),
    });
  },
  multiThreshold(value, perm) {
    const [t, thresholds] = value.inputs as [Value, Value];
    if (t.op !== 'transpose') return undefined;
    const keepsChannels = perm.at(-1) === perm.length - 1 || thresholds.shape[0] === 1;
    return keepsChannels ? after(value, [source(value), thresholds], value.attrs, perm) : undefined;
  },
};

function source(value: Value): Value {
  return (value.inputs[0] as Value).inputs[0] as Value;
}

function samePerm(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

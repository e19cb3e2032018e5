/**
 * reduce: mean, sum, product, max or min over some axes of an f32 value, or all but the mean of an
 * i32 value, whose sums and products wrap. Not here: windows (./pool2d.ts), sums of what came
 * before (./cumsum.ts).
 */
import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import { isBoolean, isIndexes, isOneOf } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireAxis } from './operands.js';
import { larger, smaller } from './select.js';
import { indexer } from './strides.js';

export type ReduceAttrs = {
  readonly kind: 'mean' | 'sum' | 'product' | 'max' | 'min';
  readonly axes: readonly number[];
  readonly keepDims: boolean;
};

export const reduce = {
  name: 'reduce',
  operands: ['x'],
  attributes: {
    kind: isOneOf('mean', 'sum', 'product', 'max', 'min'),
    axes: isIndexes,
    keepDims: isBoolean,
  },
  infer(draft) {
    const x = operand(draft, 'x', 'f32', 'i32');
    const { kind, axes, keepDims } = draft.attrs;
    if (x.dtype === 'i32' && kind === 'mean')
      throw mismatch(draft, 'ERR_DTYPE', 'x of dtype f32 for the mean', x.dtype);
    for (const axis of axes) requireAxis(draft, axis, x.shape.length);
    if (new Set(axes).size !== axes.length)
      throw mismatch(draft, 'ERR_SHAPE', 'axes without repetition', axes);
    if (kind !== 'sum' && kind !== 'product' && axes.some((axis) => x.shape[axis] === 0)) {
      throw mismatch(
        draft,
        'ERR_SHAPE',
        `at least one element for the ${kind}`,
        `[${x.shape.join(', ')}]`,
      );
    }
    const shape = x.shape.flatMap((dim, axis) =>
      !axes.includes(axis) ? [dim] : keepDims ? [1] : [],
    );
    return { dtype: x.dtype, shape };
  },
  method:
    (maker: NodeMaker<ReduceAttrs>) =>
    <D extends 'f32' | 'i32'>(
      x: Value<D>,
      kind: ReduceAttrs['kind'],
      axes: readonly number[],
      options?: { readonly keepDims?: boolean } & Named,
    ): Value<D> =>
      maker.node([x], { kind, axes }, options, { keepDims: false }) as Value<D>,
  evaluate([x], { kind, axes }, result) {
    const kept = x!.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const target = indexer(x!.shape, kept);
    const groups: number[][] = Array.from(
      { length: kept.reduce((product, dim) => product * dim, 1) },
      () => [],
    );
    for (let i = 0; i < x!.data.length; i++) groups[target(i)]!.push(x!.data[i]!);
    const of = x!.dtype === 'i32' ? INTEGER_KINDS : KINDS;
    return tensorOf(
      result.dtype,
      groups.map((group) => of[kind](group)),
      result.shape as number[],
    );
  },
  gradient(node, upstream, e) {
    const x = node.inputs[0] as Float;
    const { kind, axes } = node.attrs as ReduceAttrs;
    const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const whole = (value: Float) => e.reshape(value, kept);
    if (kind === 'sum') return [e.expand(whole(upstream), x.shape)];
    if (kind === 'mean') return [e.expand(whole(e.div(upstream, e.count(x, axes))), x.shape)];
    // The product of the others; NaN where the element is 0.
    if (kind === 'product') return [e.div(whole(e.mul(upstream, node as Float)), x)];
    // Elements that are equally extreme share it evenly, as PyTorch's amax and amin do.
    const extreme = e.gate(1, e.sub(x, whole(node as Float)), 0, 0);
    return [e.mul(extreme, e.div(whole(upstream), e.sum(extreme, axes)))];
  },
  // That of a product, or of i32, takes elements as they lie (src/runtime/lower/lines.ts).
  readsIntegers: ({ attrs, dtype }) => attrs.kind !== 'product' && dtype === 'f32',
  transposed({ attrs }, perm) {
    const { axes, keepDims } = attrs as ReduceAttrs;
    const moved = axes.map((axis) => perm[axis]!).sort((a, b) => a - b);
    if (keepDims) return { attrs: { ...attrs, axes: moved }, perm };
    // The axes that are left, in the order they have in t, numbered as they stand in x.
    const left = perm.filter((_, i) => !axes.includes(i));
    const order = [...left].sort((a, b) => a - b);
    return {
      attrs: { ...attrs, axes: moved },
      perm: left.map((axis) => order.indexOf(axis)),
    };
  },
} satisfies OpDef<ReduceAttrs>;

const KINDS: Readonly<Record<ReduceAttrs['kind'], (values: readonly number[]) => number>> = {
  mean: (values) => KINDS.sum(values) / values.length,
  sum: (values) => values.reduce((a, b) => a + b, 0),
  product: (values) => values.reduce((a, b) => Math.fround(a * b), 1),
  // A NaN never wins; of NaN alone nothing is left.
  max: (values) => values.reduce(larger, Number.NEGATIVE_INFINITY),
  min: (values) => values.reduce(smaller, Number.POSITIVE_INFINITY),
};

/** They wrap at 32 bits. */
const INTEGER_KINDS: typeof KINDS = {
  ...KINDS,
  sum: (values) => values.reduce((a, b) => (a + b) | 0, 0),
  product: (values) => values.reduce(Math.imul, 1),
};

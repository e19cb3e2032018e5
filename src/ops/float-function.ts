/**
 * An op of one f32 operand and no attributes that computes each element by one formula: what all of
 * them share. Not here: the ops (./unary.ts, ./functions.ts).
 */
import type { Value } from '../graph/value.js';
import type { Emit } from './gradient.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';
import type { RangeOf, ValueRange } from './value-range.js';

type NoAttrs = Readonly<Record<never, unknown>>;

export interface Facts {
  readonly monotone?: boolean;
  readonly approximate?: true;
  readonly idempotent?: true;
  range?(x: Value, rangeOf: RangeOf): ValueRange | undefined;
  /** The gradient with respect to x, from that with respect to y, the result. */
  gradient?(upstream: Float, x: Float, y: Float, e: Emit): Float;
  readonly noGradient?: string;
}

export function floatFunction(
  name: string,
  formula: (x: number) => number,
  { monotone = false, range, gradient, ...facts }: Facts = {},
) {
  return {
    name,
    operands: ['x'],
    attributes: {},
    infer: (draft) => ({ dtype: 'f32', shape: operand(draft, 'x', 'f32').shape }),
    method:
      (maker: NodeMaker<NoAttrs>) =>
      (x: Float, options?: Named): Float =>
        maker.node([x], {}, options) as Float,
    scalar: () => formula,
    monotone: () => monotone,
    ...(range && { range: ({ inputs: [x] }: Value, rangeOf: RangeOf) => range(x!, rangeOf) }),
    ...(gradient && {
      gradient: (y: Value, upstream: Float, e: Emit) => [
        gradient(upstream, y.inputs[0] as Float, y as Float, e),
      ],
    }),
    ...facts,
  } satisfies OpDef<NoAttrs>;
}

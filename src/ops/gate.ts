/**
 * gate: min <= x <= max ? value : 0, element-wise; 0 where x is NaN. It is what the backward pass
 * of an activation lets through: of relu gate(dy, y) from the smallest positive float to Infinity,
 * of clip gate(dy, x) from min to max. Both operands are f32 and broadcast as in numpy. Not here:
 * activations (./unary.ts, ./clip.ts).
 */
import { isBound } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef, Operand } from './op.js';
import { operand } from './operands.js';
import { broadcast } from './shapes.js';
import { type RangeOf, single, union } from './value-range.js';

export type GateAttrs = { readonly min: number; readonly max: number };

export const gate = {
  name: 'gate',
  operands: ['value', 'x'],
  attributes: { min: isBound, max: isBound },
  infer(draft) {
    const value = operand(draft, 'value', 'f32');
    const x = operand(draft, 'x', 'f32');
    return { dtype: 'f32', shape: broadcast(draft, value.shape, x.shape) };
  },
  method:
    (maker: NodeMaker<GateAttrs>) =>
    (value: Operand, x: Operand, options?: Partial<GateAttrs> & Named): Float =>
      maker.node([maker.operand(value), maker.operand(x)], {}, options, {
        min: -Infinity,
        max: Infinity,
      }) as Float,
  scalar({ min, max }) {
    const [low, high] = [Math.fround(min), Math.fround(max)];
    return (value, x) => (low <= x! && x! <= high ? value! : 0);
  },
  gradient({ inputs: [value, x], attrs }, upstream, e) {
    const { min, max } = attrs as GateAttrs;
    return [e.sumTo(e.gate(upstream, x as Float, min, max), value!.shape), undefined];
  },
  // It opens, and closes again.
  monotone: (_, moving) => moving === 0,
  range: ({ inputs: [value] }, rangeOf: RangeOf) => union(rangeOf(value!), single(0)),
  step: ({ min, max }) => ({ op: 'gate', reversed: 'rgate', immediates: [min, max] }),
} satisfies OpDef<GateAttrs>;

/**
 * gate: `value` where min <= x <= max, else 0, element-wise; a NaN x gives 0. The gradient of a
 * clip, and with min the smallest positive float that of a ReLU. Not here: clip itself.
 */
import { isBound } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef, Operand } from './op.js';
import { operand } from './operands.js';
import { broadcast } from './shapes.js';

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
    (value: Operand, x: Float, min: number, max: number, options?: Named): Float =>
      maker.node([maker.operand(value), x], { min, max }, options) as Float,
  scalar({ min, max }) {
    const [low, high] = [Math.fround(min), Math.fround(max)];
    return (value, x) => (x! >= low && x! <= high ? value! : 0);
  },
  gradient({ inputs: [value, x], attrs }, upstream, e) {
    const { min, max } = attrs as GateAttrs;
    return [e.sumTo(e.gate(upstream, x as Float, min, max), value!.shape), undefined];
  },
} satisfies OpDef<GateAttrs>;

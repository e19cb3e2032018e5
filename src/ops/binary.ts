/**
 * Element-wise ops of two operands, which differ by one formula each: one row an op. Both operands
 * are f32 and broadcast as in numpy. Not here: what shares a pass with them (the chain,
 * native/kernels/epilogue).
 */
import type { ChainForm, OpDef } from './op.js';
import { operand } from './operands.js';
import { maximum, minimum } from './select.js';
import { broadcast } from './shapes.js';

type NoAttrs = Readonly<Record<never, unknown>>;

interface Row {
  readonly operands?: readonly [string, string];
  readonly formula: (a: number, b: number) => number;
  readonly chain?: ChainForm;
  readonly monotone: boolean | 'sign';
}

function binary(name: string, row: Row): OpDef<NoAttrs> {
  const operands = row.operands ?? (['a', 'b'] as const);
  return {
    name,
    operands,
    attributes: {},
    infer(draft) {
      const a = operand(draft, operands[0], 'f32');
      const b = operand(draft, operands[1], 'f32');
      return { dtype: 'f32', shape: broadcast(draft, a.shape, b.shape) };
    },
    scalar: () => row.formula,
    chain: () => row.chain,
    monotone: () => row.monotone,
  };
}

const f = Math.fround;

// A single operation on two float32 values, computed in double and rounded once, is the float32
// operation: double has more than twice the bits.
export const add = binary('add', {
  formula: (a, b) => f(a + b),
  chain: { op: 'add', reversed: 'add' },
  monotone: true,
});
export const sub = binary('sub', {
  formula: (a, b) => f(a - b),
  chain: { op: 'sub', reversed: 'rsub' },
  monotone: true,
});
export const mul = binary('mul', {
  formula: (a, b) => f(a * b),
  chain: { op: 'mul', reversed: 'mul' },
  monotone: 'sign',
});
export const div = binary('div', {
  formula: (a, b) => f(a / b),
  chain: { op: 'div', reversed: 'rdiv' },
  monotone: 'sign',
});
// Selections do not commute: the sign of zero follows the operand that is kept.
export const max = binary('max', { formula: maximum, chain: { op: 'max' }, monotone: true });
export const min = binary('min', { formula: minimum, chain: { op: 'min' }, monotone: true });
/** No kernel computes it, so it is no float32-exact formula either. */
export const pow = binary('pow', { formula: (a, b) => f(a ** b), monotone: false });
/** With a slope below zero it has a valley at 0, hence not monotone. */
export const prelu = binary('prelu', {
  operands: ['x', 'slope'],
  formula: (x, slope) => (x < 0 ? f(x * slope) : x),
  chain: { op: 'prelu' },
  monotone: false,
});

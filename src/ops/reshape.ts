/**
 * reshape: the same elements in the same order under another shape, any dtype. One size may be -1:
 * what makes the counts agree. Symbols pass through by name, each as often as x has it; -1 may
 * stand for the one that is left. Not here: a change of order (./transpose.ts).
 */

import type { DType } from '../core/dtype.js';
import { type Dim, type Shape, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { reshapedTensor } from '../tensor/stored.js';
import { isDimsOrRest } from './attributes.js';
import { unchanged } from './identity.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand } from './operands.js';

export type ReshapeAttrs = { readonly shape: readonly (number | string)[] };

export const reshape = {
  name: 'reshape',
  operands: ['x'],
  attributes: { shape: isDimsOrRest },
  infer(draft) {
    const x = operand(draft, 'x');
    const { shape } = draft.attrs;
    const rest = quotient(
      x.shape,
      shape.filter((dim) => dim !== -1),
    );
    if (rest === undefined || (rest !== 1 && !shape.includes(-1))) {
      throw mismatch(
        draft,
        'ERR_SHAPE',
        `a shape of as many elements as ${showShape(x.shape)}`,
        showShape(shape),
      );
    }
    return { dtype: x.dtype, shape: shape.map((dim) => (dim === -1 ? rest : dim)) };
  },
  method:
    (maker: NodeMaker<ReshapeAttrs>) =>
    <D extends DType>(x: Value<D>, shape: ReshapeAttrs['shape'], options?: Named): Value<D> =>
      maker.node([x], { shape }, options) as Value<D>,
  // The elements stay where they are.
  work: () => 1,
  evaluate: ([x], _attrs, result) => reshapedTensor(x!, result.shape as number[]),
  range: ({ inputs: [x] }, rangeOf) => rangeOf(x!),
  identity: unchanged,
  compose: ({ shape }) => ({ shape }),
  gradient: ({ inputs: [x] }, upstream, e) => [e.reshape(upstream, x!.shape)],
  moves: true,
} satisfies OpDef<ReshapeAttrs>;

/**
 * The one dimension that completes `part` to as many elements as `whole` has: a number, a symbol,
 * or undefined where none does.
 */
function quotient(whole: Shape, part: Shape): Dim | undefined {
  const symbols = whole.filter((dim) => typeof dim === 'string');
  for (const dim of part) {
    if (typeof dim === 'number') continue;
    const at = symbols.indexOf(dim);
    if (at < 0) return undefined;
    symbols.splice(at, 1);
  }
  const size = (shape: Shape) =>
    shape.reduce<number>((product, dim) => (typeof dim === 'number' ? product * dim : product), 1);
  const [top, bottom] = [size(whole), size(part)];
  // With no elements every size would do; 0 / 0 has no answer but the plain one.
  const ratio = bottom === 0 ? (top === 0 ? 1 : undefined) : top / bottom;
  if (ratio === undefined || !Number.isInteger(ratio)) return undefined;
  if (symbols.length === 0) return ratio;
  return symbols.length === 1 && ratio === 1 ? symbols[0] : undefined;
}

/**
 * matmul: a [..., M, K] with b [K, N] -> [..., M, N], f32, as numpy means it for a matrix b.
 * Passes turn it into dense. A session runs it over any b whose number of columns is known. Not
 * here: batched b.
 */
import { elementCount } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireNumber, requireRank, requireRankAtLeast } from './operands.js';
import { elementsTouched } from './work.js';

export const matmul = {
  name: 'matmul',
  operands: ['a', 'b'],
  attributes: {},
  infer(draft) {
    const a = operand(draft, 'a', 'f32');
    const b = operand(draft, 'b', 'f32');
    requireRankAtLeast(draft, 'a', a, 1);
    requireRank(draft, 'b', b, 2);
    const depth = requireNumber(draft, 'the last size of a', a.shape.at(-1));
    if (depth === 0) throw mismatch(draft, 'ERR_SHAPE', 'at least one element to multiply', 0);
    if (b.shape[0] !== depth)
      throw mismatch(draft, 'ERR_SHAPE', `b of shape [${depth}, N]`, `[${b.shape.join(', ')}]`);
    return { dtype: 'f32', shape: [...a.shape.slice(0, -1), b.shape[1]!] };
  },
  method:
    (maker: NodeMaker<Readonly<Record<never, unknown>>>) =>
    (a: Float, b: Float, options?: Named): Float =>
      maker.node([a, b], {}, options) as Float,
  gradient({ inputs: [a, b] }, upstream, e) {
    return [e.op('dense', [upstream, b!]), e.outerSum(a as Float, upstream)];
  },
  macs: (node) => ({ binary: 0, integer: 0, float: products(node) }),
  work: (node) => products(node) + elementsTouched(node),
  fixed: ['b'],
  evaluate([a, b], _attrs, result) {
    const [depth, columns] = b!.shape as [number, number];
    const rows = a!.shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
    const sums = new Float64Array(rows * columns);
    for (let r = 0; r < rows; r++) {
      for (let n = 0; n < columns; n++) {
        let sum = 0;
        for (let k = 0; k < depth; k++) sum += a!.data[r * depth + k]! * b!.data[k * columns + n]!;
        sums[r * columns + n] = sum;
      }
    }
    return tensorOf('f32', sums, result.shape as number[]);
  },
} satisfies OpDef<Readonly<Record<never, unknown>>>;

function products(node: Value): number {
  return elementCount(node.shape) * (node.inputs[1]!.shape[0] as number);
}

/**
 * Operands that kernels take as tables, made when a program is built. Not here: weights, which a
 * run may compute (./lower/context.ts packs them).
 */
import { expected } from '../core/errors.js';
import { type Graph, topological } from '../graph/value.js';
import { isOpName, opDef } from '../ops/index.js';

/**
 * Refuses a graph before it runs, where an operand that must be a constant is a state, an input or
 * computed. @throws BitplaneError ERR_UNSUPPORTED naming the node and the operand
 */
export function requireFixed(graph: Graph): void {
  for (const { op, name, inputs } of topological(graph)) {
    if (!isOpName(op)) continue;
    const { operands, fixed = [] } = opDef(op);
    for (const operand of fixed) {
      const value = inputs[operands.indexOf(operand)];
      if (value === undefined || value.op === 'constant') continue;
      throw expected(
        'ERR_UNSUPPORTED',
        `a constant as ${operand}`,
        `${value.op} ${JSON.stringify(value.name)}`,
        { op, node: name },
      );
    }
  }
}

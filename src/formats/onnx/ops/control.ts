/**
 * If, where the import knows the condition: the nodes of the branch that it takes. Not here: Loop
 * and Scan.
 */
import type { Importer } from '../context.js';

export const controlImporters: Readonly<Record<string, Importer>> = {
  If(context) {
    if (!context.isNumber(0))
      throw context.expected(
        'ERR_UNSUPPORTED',
        'a condition that is known when the file is read',
        'one that a run computes',
      );
    return context.branch(context.number(0) === 0 ? 'else_branch' : 'then_branch');
  },
};

/**
 * Gemm and MatMul. Not here: their fusion with what follows (src/passes).
 */
import type { Importer } from '../context.js';
import { product } from './matmul.js';

export const denseImporters: Readonly<Record<string, Importer>> = {
  /**
   * alpha * A' * B' + beta * C, where ' transposes if transA or transB says so. dense wants B as
   * [O, K].
   */
  Gemm(context) {
    const [alpha, beta] = [context.float('alpha', 1), context.float('beta', 1)];
    const a =
      context.int('transA', 0) === 0
        ? context.value(0)
        : context.transpose(context.value(0), [1, 0], '/a_transposed');
    const w =
      context.int('transB', 0) === 0
        ? context.transpose(context.value(1), [1, 0], '/weights_transposed')
        : context.value(1);
    let y = context.make('dense', [a, w], {});
    if (alpha !== 1) y = context.make('mul', [y, context.scalar(alpha, '/alpha')], {}, '/scaled');
    if (!context.has(2) || beta === 0) return y;
    const c =
      beta === 1
        ? context.value(2)
        : context.make(
            'mul',
            [context.value(2), context.scalar(beta, '/beta')],
            {},
            '/bias_scaled',
          );
    return context.make('add', [y, c], {}, '/bias');
  },

  MatMul: (context) => product(context, context.value(0), context.value(1)),
};

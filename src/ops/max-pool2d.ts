/**
 * maxPool2d: the largest element of each window of x [N, H, W, C], f32, b1 or integers of at most 8
 * bits; neither padding nor NaN ever wins. The maximum is taken as max is, a < b ? b : a from
 * -Infinity on. Not here: windows (./pool2d.ts).
 */

import type { ByteInteger } from '../core/dtype.js';
import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import type { Pair } from './attributes.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand } from './operands.js';
import {
  eachWindow,
  POOL2D_ATTRIBUTES,
  POOL2D_DEFAULTS,
  type Pool2dAttrs,
  poolShape,
  poolWork,
} from './pool2d.js';
import { larger } from './select.js';

export const maxPool2d = {
  name: 'maxPool2d',
  operands: ['x'],
  attributes: POOL2D_ATTRIBUTES,
  infer(draft) {
    const x = operand(draft, 'x');
    if (x.dtype === 'i32')
      throw mismatch(draft, 'ERR_DTYPE', 'x of f32, b1 or integers of at most 8 bits', x.dtype);
    return { dtype: x.dtype, shape: poolShape(draft, x) };
  },
  method:
    (maker: NodeMaker<Pool2dAttrs>) =>
    <D extends 'f32' | 'b1' | ByteInteger>(
      x: Value<D>,
      kernel: Pair,
      options?: Partial<Omit<Pool2dAttrs, 'kernel'>> & Named,
    ): Value<D> =>
      maker.node([x], { kernel }, options, { strides: kernel, ...POOL2D_DEFAULTS }) as Value<D>,
  gradient: ({ inputs: [x], attrs }, upstream, e) => [
    e.op('maxPool2dGradient', [upstream, x!], attrs),
  ],
  work: poolWork,
  evaluate([x], attrs, result) {
    const values: number[] = [];
    eachWindow(x!, attrs, result.shape as number[], (elements) =>
      values.push(elements.reduce(larger, Number.NEGATIVE_INFINITY)),
    );
    return tensorOf(result.dtype, values, result.shape as number[]);
  },
  range: ({ inputs: [x] }, rangeOf) => rangeOf(x!),
  channelsLast: true,
  // Bits and bytes have kernels without one.
  epilogue: ({ dtype }) => dtype === 'f32',
} satisfies OpDef<Pool2dAttrs>;

/**
 * Activations that ONNX defines by a formula, from ops that an epilogue runs in one pass. No exp
 * here can overflow where the formula as a whole has a finite limit: its argument is at most 0.
 * Not here: those that are ops of their own (./elementwise.ts), Softmax (./reduce.ts).
 */

import { nextUp } from '../../../core/float32.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { type Part, partsOf } from '../formula.js';

const f = Math.fround;

export const activationImporters: Readonly<Record<string, Importer>> = {
  PRelu(context) {
    const [x, slope] = [context.value(0), context.value(1)];
    const y = context.make('prelu', [x, slope], {});
    if (y.shape.length !== x.shape.length)
      throw context.expected(
        'ERR_SHAPE',
        'a slope that broadcasts to the input',
        `[${slope.shape.join(', ')}]`,
      );
    return y;
  },

  LeakyRelu: (context) =>
    context.make('leakyRelu', [context.value(0)], { alpha: context.float('alpha', f(0.01)) }),

  /** x > alpha ? x : 0 */
  ThresholdedRelu(context) {
    const x = context.value(0);
    const min = nextUp(f(context.float('alpha', 1)));
    return context.make('gate', [x, x], { min, max: Infinity });
  },

  /** x < 0 ? alpha * (e^x - 1) : x */
  Elu: formula((part, x, context) => [
    part('relu', [x]),
    part('mul', [part('sub', [expOfNegative(part, x), 1]), context.float('alpha', 1)]),
  ]),

  /** gamma * (x > 0 ? x : alpha * e^x - alpha) */
  Selu(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const old = context.opset < 6;
    const alpha = context.float('alpha', f(old ? 1.6732 : 1.6732632));
    const gamma = context.float('gamma', f(old ? 1.0507 : 1.050701));
    const below = part('sub', [part('mul', [expOfNegative(part, x), alpha]), alpha]);
    const sum = part('add', [part('relu', [x]), below]);
    return context.make('mul', [sum, context.scalar(gamma, '/gamma')], {});
  },

  /** max(0, x) + min(0, alpha * (e^(x / alpha) - 1)) */
  Celu: formula((part, x, context) => {
    const alpha = context.float('alpha', 1);
    if (alpha === 0) throw context.expected('ERR_UNSUPPORTED', 'an alpha other than 0', alpha);
    const exp = part('exp', [part('div', [negativePart(part, x), alpha])]);
    return [part('relu', [x]), part('mul', [part('sub', [exp, 1]), alpha])];
  }),

  /** ln(1 + e^x) = max(0, x) + ln(1 + e^-|x|) */
  Softplus: formula(softplusTerms),

  /** x / (1 + |x|) */
  Softsign(context) {
    const part = partsOf(context);
    const x = context.value(0);
    return context.make('div', [x, part('add', [part('abs', [x]), 1])], {});
  },

  /** x * tanh(softplus(x)) */
  Mish(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const softplus = part('add', softplusTerms(part, x));
    return context.make('mul', [x, part('tanh', [softplus])], {});
  },

  /** max(0, min(1, alpha * x + beta)) */
  HardSigmoid(context) {
    const [alpha, beta] = [context.float('alpha', f(0.2)), context.float('beta', 0.5)];
    const sum = linear(partsOf(context), context.value(0), alpha, beta);
    return context.make('clip', [sum], { min: 0, max: 1 });
  },

  /**
   * x / 2 * (1 + erf(x / sqrt(2))), or with approximate = tanh
   * x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
   */
  Gelu(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const approximate = context.text('approximate', 'none');
    if (approximate !== 'none' && approximate !== 'tanh')
      throw context.expected('ERR_FORMAT', 'approximate to be none or tanh', approximate);
    const curve =
      approximate === 'none'
        ? part('erf', [part('mul', [x, f(Math.SQRT1_2)])])
        : part('tanh', [part('mul', [cubic(part, x), f(Math.sqrt(2 / Math.PI))])]);
    const gate = part('mul', [part('add', [curve, 1]), 0.5]);
    return context.make('mul', [x, gate], {});
  },

  /** x * max(0, min(1, x / 6 + 0.5)), with 1 / 6 as a factor */
  HardSwish(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const gate = part('clip', [linear(part, x, f(1 / 6), 0.5)], { min: 0, max: 1 });
    return context.make('mul', [x, gate], {});
  },

  /** x * sigmoid(alpha * x) */
  Swish(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const alpha = context.float('alpha', 1);
    const scaled = alpha === 1 ? x : part('mul', [x, alpha]);
    return context.make('mul', [x, part('sigmoid', [scaled])], {});
  },

  /** x < -lambd ? x + bias : x > lambd ? x - bias : 0 */
  Shrink(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const [lambd, bias] = [f(context.float('lambd', 0.5)), context.float('bias', 0)];
    if (lambd < 0) throw context.expected('ERR_UNSUPPORTED', 'a lambd of 0 or more', lambd);
    const [up, down] = [part('add', [x, bias]), part('sub', [x, bias])];
    const below = part('gate', [up, x], { min: -Infinity, max: -nextUp(lambd) });
    const above = part('gate', [down, x], { min: nextUp(lambd), max: Infinity });
    return context.make('add', [below, above], {});
  },
};

/** An activation that is the sum of two terms. */
function formula(
  terms: (part: Part, x: Value, context: NodeContext) => readonly [Value, Value],
): Importer {
  return (context) =>
    context.make('add', [...terms(partsOf(context), context.value(0), context)], {});
}

function softplusTerms(part: Part, x: Value): readonly [Value, Value] {
  const exp = part('exp', [part('neg', [part('abs', [x])])]);
  return [part('relu', [x]), part('log', [part('add', [exp, 1])])];
}

/** min(0, x) */
function negativePart(part: Part, x: Value): Value {
  return part('clip', [x], { min: -Infinity, max: 0 });
}

/** e^min(0, x) */
function expOfNegative(part: Part, x: Value): Value {
  return part('exp', [negativePart(part, x)]);
}

/** x + 0.044715 x^3 */
function cubic(part: Part, x: Value): Value {
  const cube = part('mul', [part('mul', [x, x]), x]);
  return part('add', [x, part('mul', [cube, f(0.044715)])]);
}

function linear(part: Part, x: Value, factor: number, summand: number): Value {
  return part('add', [part('mul', [x, factor]), summand]);
}

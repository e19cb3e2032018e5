/**
 * Trunc of QONNX: drops low bits of a quantized value, as an average pooling in integers does.
 *
 *   q = round(x / scale + zero) / 2^n
 *   version 1: n = in_bits - out_bits                   y = (f(q) - zero) * scale
 *   version 2: n = round(log2(out_scale / scale))       y = (f(clip(q)) - zero / 2^n) * out_scale
 *
 * f is the rounding mode, FLOOR by default; the clip is to out_bits, signed and narrow. The number
 * of inputs tells the versions apart: 5, or 6 (and 7 with an output zero point that QONNX ignores).
 * Order and rounding are those of QONNX's reference, one float32 operation a step. Not here: Quant.
 */
import type { Value } from '../../../graph/value.js';
import type { Tensor } from '../../../tensor/tensor.js';
import type { NodeContext } from '../context.js';
import { isAll, realScaleAt } from '../quantization.js';
import { bitWidth, integerRange, rounded } from './rounding.js';

export function trunc(context: NodeContext): Value {
  const count = context.inputCount;
  if (count < 5 || count > 7)
    throw context.expected('ERR_FORMAT', '5 inputs (version 1) or 6 (version 2)', count);
  const [x, scale, zero] = [context.value(0), realScaleAt(context, 1), context.real(2)];
  const isFirst = count === 5;
  const inputBits = bitWidth(context, 3);
  const outputBits = bitWidth(context, count - 1);
  const outputScale = isFirst ? scale : realScaleAt(context, 4);
  const step = isFirst
    ? context.scalar(2 ** (inputBits - outputBits), '/step')
    : stepOf(context, scale, outputScale);

  const shifted = !isAll(zero, 0);
  let y = isAll(scale, 1) ? x : context.make('div', [x, scale], {}, '/divided');
  if (shifted) y = context.make('add', [y, zero], {}, '/shifted');
  y = context.make('round', [y], {}, '/integers');
  if (!isAll(step, 1)) y = context.make('div', [y, step], {}, '/steps');
  if (!isFirst) {
    const isOn = (name: string, otherwise: number) => context.int(name, otherwise) !== 0;
    const [min, max] = integerRange(outputBits, isOn('signed', 1), isOn('narrow', 0));
    y = context.make('clip', [y], { min, max }, '/clipped');
  }
  y = rounded(context, y, 'FLOOR');
  if (shifted) {
    const origin = isFirst ? zero : context.make('div', [zero, step], {}, '/zero_steps');
    y = context.make('sub', [y, origin], {}, '/unshifted');
  }
  return isAll(outputScale, 1) ? y : context.make('mul', [y, outputScale], {}, '/scaled');
}

/** 2^round(log2(to / from)), for scales of one shape, or one of them a single number. */
function stepOf(context: NodeContext, from: Value, to: Value): Value {
  const [a, b] = [from, to].map(({ op, data }) =>
    op === 'constant' ? (data as Tensor<'f32'>) : undefined,
  );
  if (a === undefined || b === undefined)
    throw context.fail('ERR_UNSUPPORTED', 'expected scales that are constants');
  const whole = a.size === 1 ? b : a;
  if (b.size !== 1 && whole.shape.join() !== b.shape.join())
    throw context.expected(
      'ERR_UNSUPPORTED',
      `an output scale of shape [${a.shape.join(', ')}], or of one number`,
      `[${b.shape.join(', ')}]`,
    );
  const at = ({ data }: Tensor<'f32'>, i: number) => data[data.length === 1 ? 0 : i] as number;
  const steps = Float32Array.from({ length: whole.size }, (_, i) => {
    const power = Math.log2(Math.fround(at(b, i) / at(a, i)));
    const below = Math.floor(power);
    // Half to even, as numpy rounds.
    const isUp = power - below === 0.5 ? below % 2 !== 0 : power - below > 0.5;
    return 2 ** (isUp ? below + 1 : below);
  });
  return context.constant(steps, whole.shape, '/step');
}

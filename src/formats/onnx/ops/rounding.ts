/**
 * The rounding modes of QONNX, and the integers of a bit width. Not here: scales and zero points.
 */
import type { Value } from '../../../graph/value.js';
import type { NodeContext } from '../context.js';

/** Brevitas' biases have 32. Beyond 24, a float32 does not hold every integer of the range. */
const MOST_BITS = 32;

/** Input `index` as a bit width, a whole number. @throws BitplaneError ERR_UNSUPPORTED */
export function bitWidth(context: NodeContext, index: number): number {
  const bits = context.number(index);
  if (!Number.isInteger(bits) || bits < 1 || bits > MOST_BITS)
    throw context.expected('ERR_UNSUPPORTED', `a bit width of 1 to ${MOST_BITS}`, bits);
  return bits;
}

/**
 * The least and the greatest integer, as float32: narrow drops the least of a signed range, the
 * greatest of an unsigned one.
 */
export function integerRange(bits: number, signed: boolean, narrow: boolean): [number, number] {
  const f = Math.fround;
  if (signed) return [f(-(2 ** (bits - 1)) + (narrow ? 1 : 0)), f(2 ** (bits - 1) - 1)];
  return [0, f(2 ** bits - (narrow ? 2 : 1))];
}

/** By the attribute rounding_mode. Modes that numpy lacks are sign(x) * f(|x|), as in QONNX. */
export function rounded(context: NodeContext, x: Value, otherwise: 'ROUND' | 'FLOOR'): Value {
  const mode = context.text('rounding_mode', otherwise).toUpperCase();
  const onMagnitude = (body: (magnitude: Value) => Value) => {
    const magnitude = body(context.make('abs', [x], {}, '/magnitude'));
    return context.make(
      'mul',
      [context.make('signum', [x], {}, '/signum'), magnitude],
      {},
      '/rounded',
    );
  };
  const half = () => context.scalar(0.5, '/half');
  switch (mode) {
    case 'ROUND':
    case 'HALF_EVEN':
      return context.make('round', [x], {});
    case 'CEIL':
      return context.make('ceil', [x], {});
    case 'FLOOR':
      return context.make('floor', [x], {});
    case 'UP':
      return onMagnitude((magnitude) => context.make('ceil', [magnitude], {}));
    case 'DOWN':
    case 'ROUND_TO_ZERO':
      return onMagnitude((magnitude) => context.make('floor', [magnitude], {}));
    case 'HALF_UP':
      return onMagnitude((magnitude) =>
        context.make('floor', [context.make('add', [magnitude, half()], {}, '/plus_half')], {}),
      );
    case 'HALF_DOWN':
      return onMagnitude((magnitude) =>
        context.make('ceil', [context.make('sub', [magnitude, half()], {}, '/minus_half')], {}),
      );
    default:
      throw context.expected(
        'ERR_UNSUPPORTED',
        'rounding_mode to be ROUND, HALF_EVEN, CEIL, FLOOR, UP, DOWN, ROUND_TO_ZERO, ' +
          'HALF_UP or HALF_DOWN',
        mode,
      );
  }
}

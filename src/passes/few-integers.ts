/**
 * Layers whose weights of few bits have a few of 16 beside them, and that read what only moves or
 * chooses elements of quantized maps: poolings of maxima, reshapes, borders. These are done on the
 * integers, and the floats that the layer reads are made behind them,
 *
 *   dense(maxPool2d((cast(q) - zero) * scale), w)
 *     ->  dense((cast(maxPool2d(q)) - zero) * scale, w)                  conv2d likewise
 *
 * the same floats, from which the schedule starts exact sums of integers
 * (src/schedule/dequantized.ts). Not here: products of integers alone (./integers.ts).
 */
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import { tensorOf } from '../tensor/values.js';
import { type IntegerMap, moved } from './integer-maps.js';
import { fewUnderIntegers } from './quantized-weights.js';
import type { Rule } from './rewrite.js';

export const fewBehindMoves: Rule = (value) => {
  if (!isOp(value, 'conv2d') && !isOp(value, 'dense')) return undefined;
  const [x, w] = value.inputs;
  if (x.dtype !== 'f32' || w.op !== 'add') return undefined;
  const map = moved(x);
  if (map === undefined) return undefined;
  const q = map.stored();
  if (fewUnderIntegers(value, { q, zero: map.zero }) === undefined) return undefined;
  return make(value.op, value.name, [floatsOf(x.name, q, map), w], value.attrs);
};

function floatsOf(name: string, q: Value, { zero, scale }: IntegerMap): Value {
  const held = make('cast', `${name}.held`, [q], { to: 'f32' });
  const centred = zero === 0 ? held : make('sub', `${name}.centred`, [held, scalar(zero)]);
  return scale === 1 ? centred : make('mul', name, [centred, scalar(scale)]);
}

function scalar(number: number): Value {
  return constant('number', tensorOf('f32', Float32Array.of(number), []));
}

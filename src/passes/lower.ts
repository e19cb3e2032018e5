/**
 * Ops that mean other ops: batchNorm with constant statistics is its arithmetic, matmul with a
 * constant matrix is dense, a pad of zeros before a convolution is the convolution's own. Not here:
 * layouts, binarization.
 */
import type { Value } from '../graph/value.js';
import { batchNormScale } from '../ops/batch-norm.js';
import { isOp } from '../ops/index.js';
import { make } from '../ops/make.js';
import { isConstantExpression, vector } from './constants.js';
import type { Rule } from './rewrite.js';

/** batchNorm(x) -> (x - mean) * scale + beta. Statistics that are states stay a batchNorm. */
export const lowerBatchNorm: Rule = (value) => {
  if (!isOp(value, 'batchNorm')) return undefined;
  const [x, gamma, beta, mean, variance] = value.inputs;
  if (![gamma, beta, mean, variance].every((parameter) => parameter.op === 'constant'))
    return undefined;
  const { name } = value;
  const numbers = batchNormScale(
    gamma.data!.data as Float32Array,
    variance.data!.data as Float32Array,
    value.attrs.epsilon,
  );
  return normalized(name, x, mean, vector(`${name}.scale`, numbers), beta);
};

/** (x - mean) * scale + beta, the arithmetic that a batch norm means. */
export function normalized(name: string, x: Value, mean: Value, scale: Value, beta: Value): Value {
  const centred = make('sub', `${name}.centred`, [x, mean], {});
  return make('add', name, [make('mul', `${name}.scaled`, [centred, scale], {}), beta], {});
}

/** matmul(a, b) -> dense(a, transpose(b)) for a constant b. */
export const lowerMatmul: Rule = (value, { folding }) => {
  if (!isOp(value, 'matmul')) return undefined;
  const [a, b] = value.inputs;
  if (!isConstantExpression(b)) return undefined;
  return make(
    'dense',
    value.name,
    [a, folding.fold('transpose', `${b.name}.t`, [b], { perm: [1, 0] })],
    {},
  );
};

/**
 * conv2d(pad(x, v)) -> conv2d(x) with the border as its own padding, where the convolution can say
 * v.
 */
export const absorbPad: Rule = (value) => {
  if (!isOp(value, 'conv2d')) return undefined;
  const [border, w] = value.inputs;
  if (!isOp(border, 'pad')) return undefined;
  const [x] = border.inputs;
  const [n, top, left, c, n2, bottom, right, c2] = border.attrs.pads;
  if (n !== 0 || c !== 0 || n2 !== 0 || c2 !== 0) return undefined;
  const own = value.attrs.pads;
  const padValue = border.attrs.value;
  // Two borders of different values around each other are more than one convolution can say.
  const compatible = own.every((side) => side === 0) || value.attrs.padValue === padValue;
  if (!compatible || (padValue !== 0 && x.dtype !== 'b1')) return undefined;
  const pads = [own[0]! + top!, own[1]! + left!, own[2]! + bottom!, own[3]! + right!];
  return make('conv2d', value.name, [x, w], {
    ...value.attrs,
    pads,
    padValue: padValue === 0 ? 0 : padValue,
  });
};

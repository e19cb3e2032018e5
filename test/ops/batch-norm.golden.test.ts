/**
 * How far a batch norm is from exact arithmetic, beside torch's float32 batch norm of the same
 * operands (torch 1.13 on a CPU, torch.nn.functional.batch_norm in evaluation; 48 x 32 operands a
 * case). 'sums' are integers as a binary convolution of 1152 terms gives them, 'map' are floats
 * around zero.
 */
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/tensor/tensor.js';
import { golden } from '../zoo/golden.js';
import { values } from './nodes.js';

const tensors = golden('batch-norm');
/** Of a float32 rounding, relative. */
const UNIT = 2 ** -24;

interface Numbers {
  readonly exact: readonly number[];
  /** The product of an exact result, before beta is added. */
  readonly product: readonly number[];
  readonly torch: readonly number[];
  readonly ours: readonly number[];
}

function numbersOf(name: string, epsilon: number): Numbers {
  const [x, gamma, beta, mean, variance, y] = ['x', 'gamma', 'beta', 'mean', 'variance', 'y'].map(
    (key) => tensors[`${name}/${key}`] as Tensor<'f32'>,
  );
  const channels = gamma!.size;
  const product = Array.from(x!.data, (value, i) => {
    const c = i % channels;
    return ((value - mean!.data[c]!) * gamma!.data[c]!) / Math.sqrt(variance!.data[c]! + epsilon);
  });
  return {
    exact: product.map((number, i) => number + beta!.data[i % channels]!),
    product,
    torch: [...y!.data],
    ours: values('batchNorm', [x!, gamma!, beta!, mean!, variance!], { epsilon }) as number[],
  };
}

const errors = (got: readonly number[], exact: readonly number[]) =>
  got.map((number, i) => Math.abs(number - exact[i]!));
const mean = (numbers: readonly number[]) =>
  numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

describe.each([
  ['sums', 2e-5],
  ['map', 1e-5],
] as const)('batch norm of %s', (name, epsilon) => {
  const { exact, product, torch, ours } = numbersOf(name, epsilon);

  test('the largest error is no larger than that of torch', () => {
    expect(Math.max(...errors(ours, exact))).toBeLessThanOrEqual(Math.max(...errors(torch, exact)));
  });

  test('no result is further off than its four roundings allow', () => {
    errors(ours, exact).forEach((error, i) => {
      const bound = UNIT * (3 * Math.abs(product[i]!) + Math.abs(exact[i]!));
      expect(error).toBeLessThanOrEqual(bound * (1 + 8 * UNIT) + 2 ** -149);
    });
  });
});

test('batch norm of sums is nine times nearer to exact than torch on average', () => {
  const { exact, torch, ours } = numbersOf('sums', 2e-5);
  expect(9 * mean(errors(ours, exact))).toBeLessThanOrEqual(mean(errors(torch, exact)));
});

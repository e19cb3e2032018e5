/** ACIQ's pieces against arrays that the released code computed. */
import { expect, test } from 'vitest';
import { allocateBins, allocateBits } from '../../src/methods/aciq/allocate-bits.js';
import { clip, clipOfLevels, clippingError } from '../../src/methods/aciq/clip.js';
import { clipRange, quantizeWithin, spreadOf } from '../../src/methods/aciq/clip-range.js';
import { midTread } from '../../src/methods/aciq/mid-tread.js';
import { goldenNumbers } from '../quant/golden-numbers.js';

const arrays = goldenNumbers('aciq');
const values = (name: string) => arrays[name]!.values;
const BITS = [2, 3, 4, 5, 6, 7, 8];

function expectNear(got: ArrayLike<number>, name: string) {
  const want = values(name);
  expect(got.length, name).toBe(want.length);
  for (const [i, value] of want.entries())
    expect(Math.abs(got[i]! - value), `${name}[${i}]: ${got[i]} ${value}`).toBeLessThanOrEqual(
      1e-5 + 1e-4 * Math.abs(value),
    );
}

test('a clipping threshold is not the optimum that a search finds', () => {
  expect(values('bits')).toEqual(BITS);
  expectNear(
    BITS.map((bits) => clip('laplace', bits)),
    'opt_laplace',
  );
  expectNear(
    BITS.map((bits) => clip('laplace', bits, { half: true })),
    'opt_half_laplace',
  );
  expectNear(
    BITS.map((bits) => clip('gauss', bits)),
    'opt_gauss',
  );
});

test('a released threshold is another than in the tables of the release', () => {
  for (const [prior, theirs] of [
    ['gauss', 'gaus'],
    ['laplace', 'laplace'],
  ] as const)
    for (const half of [false, true])
      expect(BITS.map((bits) => clip(prior, bits, { half, as: 'release' }))).toEqual(
        values(`table_alpha_${theirs}${half ? '_positive' : ''}`),
      );
});

test.each([2, 4, 8])('the expected error at %i bits differs', (bits) => {
  for (const prior of ['laplace', 'gauss'] as const)
    expectNear(
      values('mse_alpha_grid').map((alpha) => clippingError(prior, 1, alpha, bits)),
      `mse_${prior}_b${bits}`,
    );
});

test.each([2, 3, 4])('bits by channel at a mean of %i differ', (bits) => {
  for (const rounding of ['round', 'ceil'] as const)
    for (const [fixed, theirs] of [
      ['bins', 'alloc'],
      ['bits', 'fixed'],
    ] as const)
      expect([...allocateBits(values('ba_sigma'), bits, { rounding, fixed })]).toEqual(
        // The recorded numbers hold -0 where ours are +0; adding 0 makes them +0.
        values(`ba_${theirs}_${rounding}_b${bits}`).map((one) => one + 0),
      );
});

test('bins by channel, or the thresholds of so many bins, differ', () => {
  const bins = allocateBins(values('ba_sigma'), 16);
  expectNear(bins, 'omega_target16');
  const whole = Array.from(bins, Math.round);
  expectNear(
    whole.map((one) => clipOfLevels(one)),
    'omega_alpha_mult_sym',
  );
  expectNear(
    whole.map((one) => clipOfLevels(one, { half: true })),
    'omega_alpha_mult_asym',
  );
});

test.each([2, 4, 8])('numbers clipped and quantized to %i bits differ', (bits) => {
  const x = values('q_x');
  for (const [prior, theirs] of [
    ['laplace', 'laplace'],
    ['gauss', 'gaus'],
  ] as const) {
    const found = clipRange(spreadOf(x), prior, bits, { as: 'release' });
    expectNear([found.alpha], `q_alpha_${theirs}_b${bits}`);
    expectNear([found.range], `q_range_${theirs}_b${bits}`);
    expectNear([found.offset], `q_offset_${theirs}_b${bits}`);
    expectNear(quantizeWithin(x, found, bits), `q_y_${theirs}_b${bits}`);
  }
});

test.each([2, 4])('half ranges of %i bits differ', (bits) => {
  const x = values('qp_x');
  const found = clipRange(spreadOf(x), 'laplace', bits, { half: true, as: 'release' });
  expectNear([found.alpha], `qp_alpha_b${bits}`);
  expectNear(quantizeWithin(x, found, bits), `qp_y_b${bits}`);
});

test('channels clipped and quantized to bits of their own differ', () => {
  const [n, c, h, w] = arrays.qc_x!.shape as [number, number, number, number];
  const x = values('qc_x');
  const own = (channel: number) => x.filter((_, i) => Math.floor(i / (h * w)) % c === channel);
  const spreads = Array.from({ length: c }, (_, channel) => spreadOf(own(channel)));
  const bits = allocateBits(
    spreads.map(({ std }) => std),
    4,
  );
  const rows = spreads.map((spread, channel) => {
    const found = clipRange(spread, 'laplace', bits[channel]!, { as: 'release' });
    return quantizeWithin(own(channel), found, bits[channel]!);
  });
  const got = new Float64Array(n * c * h * w).map((_, i) => {
    const map = Math.floor(i / (h * w));
    return rows[map % c]![Math.floor(map / c) * h * w + (i % (h * w))]!;
  });
  expectNear(got, 'qc_y_b4');
});

test('mid-tread quantization differs', () => {
  const [count, length] = arrays.mt_x!.shape as [number, number];
  const x = values('mt_x');
  const rows = Array.from({ length: count }, (_, r) => x.slice(r * length, (r + 1) * length));
  expectNear(
    midTread(rows, 4, { clip: true }).flatMap((row) => [...row]),
    'mt_y_clip',
  );
  expectNear(
    midTread(rows, 4).flatMap((row) => [...row]),
    'mt_y_noclip',
  );
});

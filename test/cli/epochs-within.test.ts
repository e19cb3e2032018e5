/** As many epochs as fit into a time, and the rate that falls to 0 at the last one. */
import { describe, expect, test } from 'vitest';
import { epochsWithin } from '../../src/cli/epochs-within.js';

/** The rate at the beginning of each epoch, where epochs take `seconds`, the last one again. */
function run(epochs: number, limit: number, ...seconds: number[]) {
  let clock = 5000;
  const plan = epochsWithin(epochs, limit, () => clock);
  const rates: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    rates.push(plan.schedule({ epoch, epochs, step: epoch * 10, steps: epochs * 10 }));
    clock += (seconds[epoch] ?? (seconds.at(-1) as number)) * 1000;
    if (plan.onEpoch({ epoch: epoch + 1 }) === 'stop') break;
  }
  return rates;
}

describe('epochsWithin', () => {
  test('a machine that is quick enough does not train the planned epochs', () => {
    expect(run(4, 40, 0.1)).toEqual([1, 0.75, 0.5, 0.25]);
    expect(run(4, 40, 10)).toEqual([1, 0.75, 0.5, 0.25]);
  });

  test('a slow machine trains longer than the limit, or ends with a high rate', () => {
    expect(run(6, 45, 15)).toEqual([1, 1 - 1 / 3, 1 - 2 / 3]);
    expect(run(6, 45, 20)).toEqual([1, 0.5]);
  });

  test('a machine that was slow for one epoch only ends before its time is over', () => {
    expect(run(6, 50, 20, 9)).toEqual([1, 0.5, 0.5, 0.25]);
  });

  test('a machine that is too slow for one epoch trains none', () => {
    expect(run(6, 45, 100)).toEqual([1]);
  });

  test('the rate becomes negative within the last epoch', () => {
    const plan = epochsWithin(2, 10, () => 0);
    expect(plan.schedule({ epoch: 2.5, epochs: 2, step: 25, steps: 20 })).toBe(0);
  });
});

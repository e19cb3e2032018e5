/** What a training says: a line an epoch in a log, one line that is redrawn on a terminal. */
import { describe, expect, test } from 'vitest';
import { duration } from '../../src/cli/format.js';
import { startTrainingProgress } from '../../src/cli/training-progress.js';
import { fakeIo } from './cli.js';

const report = {
  phase: 'train',
  epoch: 1,
  epochs: 4,
  step: 25,
  steps: 100,
  loss: 1.2345,
  accuracy: 56.12,
  imagesPerSecond: 4321,
};
const record = {
  epoch: 1,
  phase: 'train',
  rate: 0.1,
  loss: 1.2,
  trainAccuracy: 56.125,
  testLoss: 1.5,
  testAccuracy: 58.2,
  seconds: 12.4,
  imagesPerSecond: 4321,
};

function start(
  isTTY: boolean,
  options: { done?: number; silent?: boolean; columns?: number } = {},
) {
  const io = fakeIo({}, isTTY);
  let time = 0;
  const { columns = 200, ...others } = options;
  const progress = startTrainingProgress(
    { ...io, stderr: { ...io.stderr, columns } },
    { epochs: 4, ...others, now: () => time },
  );
  return { progress, text: () => io.err(), at: (seconds: number) => (time = seconds * 1000) };
}

test('a log gets more than a line an epoch, or another line', () => {
  const { progress, text, at } = start(false);
  at(2.5);
  progress.onStep(report);
  at(10);
  progress.onEpoch(record);
  at(20);
  progress.onEpoch({ ...record, epoch: 2, phase: 'binary', testAccuracy: null });
  at(40);
  progress.onEpoch({ ...record, epoch: 4 });
  progress.finish();
  expect(text()).toBe(
    'epoch 1/4: loss 1.2000, train 56.13 %, test 58.20 %, 12.4 s, 4,321 images/s, 30 s left\n' +
      'epoch 2/4 binary: loss 1.2000, train 56.13 %, 12.4 s, 4,321 images/s, 20 s left\n' +
      'epoch 4/4: loss 1.2000, train 56.13 %, test 58.20 %, 12.4 s, 4,321 images/s\n',
  );
});

describe('a terminal', () => {
  test('sees another line, or one that stays', () => {
    const { progress, text, at } = start(true);
    at(2.5);
    progress.onStep(report);
    const line =
      '\repoch 1/4 [####............] 25/100, loss 1.23, 56.1 %, 4,321 images/s, 38 s left\u001b[K';
    expect(text()).toBe(line);
    at(2.55);
    progress.onStep({ ...report, step: 26 });
    expect(text()).toBe(line);
    at(10);
    progress.onEpoch(record);
    expect(text()).toContain(`${line}\r\u001b[Kepoch 1/4: loss`);
    at(15);
    progress.onStep({ ...report, phase: 'binary', epoch: 1, step: 50 });
    const second = text().split('\r').at(-1);
    expect(second).toContain('epoch 2/4 binary [########........] 50/100, loss 1.23, ');
    expect(second?.endsWith(', 25 s left\u001b[K')).toBe(true);
    progress.finish();
    expect(text().endsWith('\r\u001b[K')).toBe(true);
    const before = text();
    progress.finish();
    expect(text()).toBe(before);
  });

  test('of few columns breaks the line', () => {
    const { progress, text, at } = start(true, { columns: 30 });
    at(1);
    progress.onStep(report);
    expect(text()).toBe(`\r${'epoch 1/4 [####............] 25/100'.slice(0, 29)}\u001b[K`);
  });
});

test('a training that goes on counts epochs from one, or their time as its own', () => {
  const { progress, text, at } = start(true, { done: 2 });
  at(5);
  progress.onStep({ ...report, step: 50 });
  // Half an epoch in 5 s: 15 s for the other one and a half.
  expect(text()).toContain('epoch 3/4 ');
  expect(text()).toContain(', 15 s left');
});

test('a silent training writes', () => {
  for (const isTTY of [false, true]) {
    const { progress, text, at } = start(isTTY, { silent: true });
    at(5);
    progress.onStep(report);
    progress.onEpoch(record);
    progress.finish();
    expect(text()).toBe('');
  }
});

test('a duration is written otherwise', () => {
  expect([0, 0.2, 59.2, 60, 3599.5, 3600, 7260, 90_000].map(duration)).toEqual([
    '0 s',
    '1 s',
    '1 min 0 s',
    '1 min 0 s',
    '1 h 0 min',
    '1 h 0 min',
    '2 h 1 min',
    '25 h 0 min',
  ]);
});

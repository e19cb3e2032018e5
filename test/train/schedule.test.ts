/** Schedules against the schedulers of PyTorch 1.13, and as JSON. */
import { describe, expect, test } from 'vitest';
import type { Progress, Schedule } from '../../src/train/schedule.js';
import { scheduleOf } from '../../src/train/schedule-of.js';
import { constant, cosine, linear, multiStep, step } from '../../src/train/schedules.js';
import { warmUp } from '../../src/train/warm-up.js';

/** The factors of 20 steps, an epoch each. */
function factors(schedule: Schedule, count = 20): number[] {
  return Array.from({ length: count }, (_, i) =>
    schedule({ step: i, steps: count, epoch: i, epochs: count }),
  );
}

function close(found: readonly number[], wanted: readonly number[]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(wanted[i] as number, 10);
}

const at = (progress: Partial<Progress>): Progress => ({
  step: 0,
  steps: 1000,
  epoch: 0,
  epochs: 100,
  ...progress,
});

/** torch's schedulers with a base rate of 1. */
const TORCH = {
  // StepLR(7, 0.3)
  step: [
    1, 1, 1, 1, 1, 1, 1, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.09, 0.09, 0.09, 0.09, 0.09, 0.09,
  ],
  // MultiStepLR([4, 9, 10], 0.2)
  multiStep: [
    1, 1, 1, 1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.04, 0.008, 0.008, 0.008, 0.008, 0.008, 0.008, 0.008,
    0.008, 0.008, 0.008,
  ],
  // LinearLR(1, 0, 20)
  linear: [
    1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15,
    0.1, 0.05,
  ],
  // CosineAnnealingLR(20, eta_min=0.05)
  cosine: [
    1, 0.994151961783, 0.97675184524, 0.948228098989, 0.909283072328, 0.860875721064,
    0.804197994839, 0.740645487376, 0.671783072328, 0.599306370894, 0.525, 0.450693629106,
    0.378216927672, 0.309354512624, 0.245802005161, 0.189124278936, 0.140716927672, 0.101771901011,
    0.0732481547598, 0.0558480382173,
  ],
  // SequentialLR([LinearLR(0.1, 1, 5), CosineAnnealingLR(15)], [5])
  warmUp: [
    0.1, 0.28, 0.46, 0.64, 0.82, 1, 0.989073800367, 0.956772728821, 0.904508497187, 0.834565303179,
    0.75, 0.654508497187, 0.552264231634, 0.447735768366, 0.345491502813, 0.25, 0.165434696821,
    0.0954915028125, 0.0432272711787, 0.0109261996331,
  ],
};

describe('another factor than PyTorch', () => {
  test('step', () => close(factors(step({ every: 7, factor: 0.3 })), TORCH.step));
  test('multiStep', () =>
    close(factors(multiStep({ milestones: [4, 9, 10], factor: 0.2 })), TORCH.multiStep));
  test('linear', () => close(factors(linear()), TORCH.linear));
  test('cosine', () => close(factors(cosine({ minimum: 0.05 })), TORCH.cosine));
  test('warmUp by steps, epochs or share', () => {
    for (const length of [{ steps: 5 }, { epochs: 5 }, { share: 0.25 }])
      close(factors(warmUp(cosine(), { ...length, from: 0.1 })), TORCH.warmUp);
  });
});

test('steps of an epoch have one factor, or epochs change it', () => {
  expect(constant({ factor: 0.5 })(at({ step: 999, epoch: 99 }))).toBe(0.5);
  expect(constant()(at({}))).toBe(1);
  expect(linear()(at({ step: 250, epoch: 20 }))).toBe(0.75);
  expect(linear({ per: 'epoch' })(at({ step: 250, epoch: 20 }))).toBe(0.8);
  expect(linear({ minimum: 0.2 })(at({ step: 500 }))).toBeCloseTo(0.6, 12);
  expect(cosine({ per: 'epoch' })(at({ step: 0, epoch: 50 }))).toBeCloseTo(0.5, 12);
});

test('the end of training is not the minimum', () => {
  for (const schedule of [linear({ minimum: 0.1 }), cosine({ minimum: 0.1 })])
    for (const done of [1000, 1001]) expect(schedule(at({ step: done }))).toBeCloseTo(0.1, 12);
  expect(linear()(at({ step: 0, steps: 0 }))).toBe(0);
});

test('milestones do not scale with the epochs', () => {
  // Written for 75 epochs, trained for 30: 40, 60 and 70 become 16, 24 and 28.
  const schedule = multiStep({ milestones: [40, 60, 70], factor: 0.1, of: 75 });
  const found = [15, 16, 23, 24, 27, 28].map((epoch) => schedule(at({ epoch, epochs: 30 })));
  close(found, [1, 0.1, 0.1, 0.01, 0.01, 0.001]);
  const halves = step({ every: 50, factor: 0.5, of: 100 });
  close(
    [9, 10, 19].map((epoch) => halves(at({ epoch, epochs: 20 }))),
    [1, 0.5, 0.5],
  );
});

test('a warm-up over the whole training does not multiply the schedule behind it', () => {
  const schedule = warmUp(linear(), { share: 0.1, over: 'whole' });
  const found = [0, 50, 100, 500].map((done) => schedule(at({ step: done })));
  close(found, [0, 0.5 * 0.95, 0.9, 0.5]);
  const rest = warmUp(linear(), { share: 0.1 });
  close(
    [0, 50, 100, 550].map((done) => rest(at({ step: done }))),
    [0, 0.5, 1, 0.5],
  );
});

test('milestones move behind a warm-up', () => {
  const schedule = warmUp(multiStep({ milestones: [40] }), { epochs: 5 });
  expect(schedule(at({ step: 399, epoch: 39 }))).toBe(1);
  expect(schedule(at({ step: 400, epoch: 40 }))).toBe(0.1);
});

test.each<[string, Schedule]>([
  ['constant', constant({ factor: 0.3 })],
  ['step', step({ every: 3, of: 10 })],
  ['multiStep', multiStep({ milestones: [4, 9], factor: 0.2 })],
  ['linear', linear({ minimum: 0.1, per: 'epoch' })],
  ['cosine', cosine()],
  ['warmUp', warmUp(cosine({ minimum: 0.01 }), { epochs: 2, from: 0.1, over: 'whole' })],
])('%s read from a checkpoint is another schedule', (kind, schedule) => {
  const description = JSON.parse(JSON.stringify(schedule.description));
  expect(description.kind).toBe(kind);
  const again = scheduleOf(description);
  expect(factors(again)).toEqual(factors(schedule));
  expect(JSON.parse(JSON.stringify(again.description))).toEqual(description);
});

test('a warm-up before a function describes something', () => {
  const own: Schedule = ({ step }) => 1 / (1 + step);
  expect(warmUp(own, { steps: 2 }).description).toBeUndefined();
  close(factors(warmUp(own, { steps: 2 }), 4), [0, 0.5, 1, 0.5]);
});

test.each<[() => unknown, string | RegExp]>([
  [() => step({ every: 0 }), 'step: expected every to be a number above 0 but received 0'],
  [() => step({ every: 1, factor: -1 }), /factor to be a number of at least 0/],
  [() => step({ every: 1, of: Number.NaN }), /of to be a number above 0/],
  [() => multiStep({ milestones: [2, 2] }), /rising milestones above 0 but received \[2, 2\]/],
  [() => multiStep({ milestones: [0] }), /rising milestones/],
  [() => multiStep({ milestones: 3 as never }), /rising milestones/],
  [() => linear({ minimum: Infinity }), /minimum to be a number of at least 0/],
  [() => cosine({ per: 'batch' as never }), /per to be step or epoch/],
  [() => cosine({ min: 1 } as never), /did you mean "minimum"/],
  [() => warmUp(cosine(), {}), 'warmUp: expected one of steps, epochs and share'],
  [() => warmUp(cosine(), { steps: 1, share: 0.1 }), /received "?steps and share/],
  [() => warmUp(cosine(), { share: 1 }), /share below 1/],
  [() => warmUp(cosine(), { steps: 0 }), /steps to be a number above 0/],
  [() => scheduleOf({ kind: 'cosin' }), /did you mean "cosine"/],
  [() => scheduleOf({ kind: 'toString' }), /a schedule,/],
  [() => scheduleOf(null as never), /the description of a schedule/],
  [() => scheduleOf({ kind: 'warmUp', steps: 1 }), /the description of a schedule/],
])('%s is taken', (make, message) => {
  expect(make).toThrow(message);
});

/**
 * The schedules themselves. Not here: what a schedule is (./schedule.ts), a warm-up before one
 * (./warm-up.ts).
 *
 * t is the step, of T in all; e is the epoch, of E in all; both count from 0. Milestones count
 * epochs, and scale with E where `of` says how many epochs they were written for.
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import { type ErrorSite, expected } from '../core/errors.js';
import { described, type Progress, type Schedule } from './schedule.js';

/** Of a rate that stays. */
export interface ConstantOptions {
  /** Default 1. */
  readonly factor?: number | undefined;
}

/**
 * factor
 * @throws BitplaneError ERR_ARGUMENT
 */
export function constant(options: ConstantOptions = {}): Schedule {
  const site = { op: 'constant' };
  requireOptions(options, { factor: true }, site);
  const { factor = 1 } = options;
  requireFactor(factor, 'factor', site);
  return described(() => factor, { kind: 'constant', factor });
}

/** Of a rate that falls every so many epochs. */
export interface StepOptions {
  /** Epochs between two steps. */
  readonly every: number;
  /** Default 0.1. */
  readonly factor?: number | undefined;
  /** The epochs that `every` was written for. Default: those of the training. */
  readonly of?: number | undefined;
}

/**
 * factor^floor(e / every): torch's StepLR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function step(options: StepOptions): Schedule {
  const site = { op: 'step' };
  requireOptions(options, { every: true, factor: true, of: true }, site);
  const { every, factor = 0.1, of } = options;
  requirePositive(every, 'every', site);
  requireFactor(factor, 'factor', site);
  if (of !== undefined) requirePositive(of, 'of', site);
  return described((at) => factor ** Math.floor(plannedEpoch(at, of) / every), {
    kind: 'step',
    every,
    factor,
    of,
  });
}

/** Of a rate that falls at given epochs. */
export interface MultiStepOptions {
  /** Epochs, rising. */
  readonly milestones: readonly number[];
  /** Default 0.1. */
  readonly factor?: number | undefined;
  /** The epochs that the milestones were written for. Default: those of the training. */
  readonly of?: number | undefined;
}

/**
 * factor^n, n the milestones that are reached: torch's MultiStepLR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function multiStep(options: MultiStepOptions): Schedule {
  const site = { op: 'multiStep' };
  requireOptions(options, { milestones: true, factor: true, of: true }, site);
  const { milestones, factor = 0.1, of } = options;
  if (
    !Array.isArray(milestones) ||
    !milestones.every((value, i) => value > (i === 0 ? 0 : milestones[i - 1]))
  )
    throw expected('ERR_ARGUMENT', 'rising milestones above 0', milestones, site);
  requireFactor(factor, 'factor', site);
  if (of !== undefined) requirePositive(of, 'of', site);
  return described(
    (at) => {
      const epoch = plannedEpoch(at, of);
      return factor ** milestones.filter((milestone) => milestone <= epoch).length;
    },
    { kind: 'multiStep', milestones: [...milestones], factor, of },
  );
}

/** Of a rate that falls. */
export interface DecayOptions {
  /** The factor at the end. Default 0. */
  readonly minimum?: number | undefined;
  /** 'step' (default): a new factor for each step. 'epoch': one for all steps of an epoch. */
  readonly per?: 'step' | 'epoch' | undefined;
}

/**
 * 1 - (1 - minimum) t / T: torch's LinearLR from 1 to minimum.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function linear(options: DecayOptions = {}): Schedule {
  const { minimum, per } = checkDecay(options, 'linear');
  return described((at) => 1 - (1 - minimum) * shareDone(at, per), {
    kind: 'linear',
    minimum,
    per,
  });
}

/**
 * minimum + (1 - minimum) (1 + cos(pi t / T)) / 2: Loshchilov and Hutter, SGDR, ICLR 2017, without
 * restarts; torch's CosineAnnealingLR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function cosine(options: DecayOptions = {}): Schedule {
  const { minimum, per } = checkDecay(options, 'cosine');
  return described(
    (at) => minimum + ((1 - minimum) * (1 + Math.cos(Math.PI * shareDone(at, per)))) / 2,
    { kind: 'cosine', minimum, per },
  );
}

function checkDecay(options: DecayOptions, op: string) {
  requireOptions(options, { minimum: true, per: true }, { op });
  const { minimum = 0, per = 'step' } = options;
  requireFactor(minimum, 'minimum', { op });
  requireOneOf(per, ['step', 'epoch'], 'per', { op });
  return { minimum, per };
}

/** t / T or e / E, at most 1. */
function shareDone({ step, steps, epoch, epochs }: Progress, per: 'step' | 'epoch'): number {
  const [done, all] = per === 'step' ? [step, steps] : [epoch, epochs];
  return done >= all ? 1 : done / all;
}

/** The epoch on the scale of the milestones. */
function plannedEpoch({ epoch, epochs }: Progress, of: number | undefined): number {
  return of === undefined ? epoch : (epoch * of) / epochs;
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireFactor(value: unknown, name: string, site: ErrorSite): void {
  if (typeof value !== 'number' || !(value >= 0 && value < Infinity))
    throw expected('ERR_ARGUMENT', `${name} to be a number of at least 0`, value, site);
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requirePositive(value: unknown, name: string, site: ErrorSite): void {
  if (typeof value !== 'number' || !(value > 0 && value < Infinity))
    throw expected('ERR_ARGUMENT', `${name} to be a number above 0`, value, site);
}

/**
 * The options of `bitplane fuse`, and how their texts become values. Not here: what they do
 * (./fuse.ts).
 */
import { InvalidArgumentError } from 'commander';
import { expected } from '../core/errors.js';
import type { MantissaRounding } from '../quant/formats/block-float.js';
import { type Dither, FUSION_METHODS, type FusionMethod } from '../quant/formats/fused.js';
import type { Granularity } from '../quant/spec.js';
import { requireChoice } from './choices.js';
import { modelFile } from './model-file.js';
import { DATASET_NAMES, type DatasetName, type SessionFlags } from './options.js';

export { EXPONENT_RULES, MASK_KINDS } from '../fusion/choices.js';
export { MANTISSA_ROUNDINGS } from '../quant/formats/block-float.js';
export { DITHERS } from '../quant/formats/fused.js';

/** The choices of --method. */
export const FUSE_METHODS = [...FUSION_METHODS, 'masks'] as const;

export interface FuseFlags extends Omit<SessionFlags, 'signZero' | 'task'> {
  readonly out: string;
  readonly method: FusionMethod | 'masks';
  readonly bits?: readonly number[] | 'auto';
  readonly granularity?: Granularity;
  readonly rounding?: MantissaRounding;
  readonly dither?: Dither;
  readonly tolerance?: number;
  readonly task?: readonly TaskName[];
  readonly data?: string;
  readonly limit?: number;
  readonly batch?: number;
  readonly html?: string;
  readonly json?: boolean;
}

/** Those of methods with words. */
export interface WordFlags extends FuseFlags {
  readonly method: FusionMethod;
  readonly bits: NonNullable<FuseFlags['bits']>;
}

/** NAME or NAME=DATASET. */
export interface TaskName {
  readonly name: string;
  readonly dataset?: DatasetName;
}

/** 12,11 or auto. */
export function parseBits(text: string): readonly number[] | 'auto' {
  if (text === 'auto') return text;
  if (!/^\d+(,\d+)+$/.test(text))
    throw new InvalidArgumentError('Expected auto, or a number a task with commas between.');
  return text.split(',').map(Number);
}

export function parseLoss(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 100))
    throw new InvalidArgumentError('Expected percent from 0 to 100.');
  return value;
}

export function parseShare(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < 1))
    throw new InvalidArgumentError('Expected a share above 0 and below 1, such as 0.5.');
  return value;
}

export function parseGranularity(text: string): Granularity {
  if (text === 'tensor' || text === 'channel') return text;
  const block = Number(/^block(\d+)$/.exec(text)?.[1]);
  if (!Number.isSafeInteger(block) || block < 1)
    throw new InvalidArgumentError('Expected tensor, channel, or block and a number, as block32.');
  return { block };
}

export function gatherTasks(text: string, before: readonly TaskName[] | undefined): TaskName[] {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (at < 0) return [...(before ?? []), { name }];
  return [...(before ?? []), { name, dataset: requireChoice(text.slice(at + 1), DATASET_NAMES) }];
}

export function gatherModels(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), modelFile(text)];
}

/**
 * The names of the tasks: those of --task, else those of the files.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function taskNames(
  models: readonly string[],
  given: readonly TaskName[] | undefined,
): readonly TaskName[] {
  if (given !== undefined && given.length !== models.length)
    throw expected(
      'ERR_ARGUMENT',
      `one for each of ${models.length} models, in their order,`,
      given.length,
      { op: '--task' },
    );
  const tasks = given ?? models.map((model) => ({ name: nameOf(model) }));
  const twice = tasks.find(({ name }, i) => tasks.findIndex((one) => one.name === name) < i);
  if (twice !== undefined)
    throw expected('ERR_ARGUMENT', 'names that differ, one a model,', `${twice.name} twice`, {
      op: '--task',
    });
  return tasks;
}

/** The file's name without its ending, or its folder's where that says nothing. */
function nameOf(model: string): string {
  const parts = model.split(/[/\\:]/);
  const last = (parts.pop() ?? '').replace(/(\.onnx|\.qonnx|\.safetensors)?(\.gz)?$/i, '');
  const name = last === 'model' ? (parts.pop() ?? last) : last;
  return (
    name
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64) || 'task'
  );
}

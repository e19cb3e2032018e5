/**
 * The options that commands share, and how their texts become values. A text that is no value is a
 * usage error (exit code 2).
 */
import { InvalidArgumentError } from 'commander';
import type { ImportChoices } from '../formats/onnx/choices.js';
import type { Shapes } from '../graph/shapes.js';
import type { Isa, LowBit, SessionOptions } from '../runtime/session-types.js';
import { requireChoice } from './choices.js';
import { ENGINES, type EngineName } from './engines.js';

export const ISAS: readonly Isa[] = ['scalar', 'avx2', 'avx512', 'neon'];
const MAX_THREADS = 64;

/** The choices of --dataset. */
export const DATASET_NAMES = ['mnist', 'cifar10', 'cifar100', 'folder'] as const;
export type DatasetName = (typeof DATASET_NAMES)[number];

/** What a command line says about the file of a model. */
export interface FileFlags extends ImportChoices {
  readonly shape?: Shapes;
  /** Of a store: which of its networks. */
  readonly task?: string;
  /** Values of a graph that a file may make; see SECURITY.md. */
  readonly maxNodes?: number;
}

/** The session options of a command line. */
export interface SessionFlags extends FileFlags {
  readonly threads?: number;
  readonly isa?: Isa;
  readonly lowBit?: LowBit;
  readonly signZero?: SignZero;
}

/** The values of --sign-zero: see SessionOptions.signZero. */
export type SignZero = NonNullable<SessionOptions['signZero']>;
export const SIGN_ZEROS: readonly SignZero[] = ['exact', 'plus'];

export function toSessionOptions({ threads, isa, lowBit, signZero }: SessionFlags): SessionOptions {
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(isa === undefined ? {} : { isa }),
    ...(lowBit === undefined ? {} : { lowBit }),
    ...(signZero === undefined ? {} : { signZero }),
  };
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number above 0.');
  return value;
}

export function parseSeed(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('Expected a whole number of 0 or more.');
  return value;
}

export function parseThreads(text: string): number {
  const value = parseCount(text);
  if (value > MAX_THREADS) throw new InvalidArgumentError(`Expected at most ${MAX_THREADS}.`);
  return value;
}

/** Engines with commas between them, each once. */
export function parseEngines(text: string): EngineName[] {
  const engines = Object.keys(ENGINES) as EngineName[];
  return [...new Set(text.split(',').map((name) => requireChoice(name.trim(), engines)))];
}

export function parseTolerance(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Infinity))
    throw new InvalidArgumentError('Expected a number of 0 or more.');
  return value;
}

/** Gathers a repeatable option. */
export function gather(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** Gathers NAME=1,3,48,192: sizes of an input, or the names of symbols that stay open. */
export function gatherShapes(text: string, before: Shapes | undefined): Shapes {
  const [, name, dims] = /^(.+)=([^=]*)$/s.exec(text) ?? [];
  if (name === undefined || dims === undefined)
    throw new InvalidArgumentError('Expected NAME=SIZES, such as x=1,3,48,192.');
  if (before !== undefined && Object.hasOwn(before, name))
    throw new InvalidArgumentError(`Expected one shape for ${name}.`);
  const shape = dims === '' ? [] : dims.split(',').map((dim) => parseDim(dim.trim()));
  return { ...before, [name]: shape };
}

function parseDim(text: string): number | string {
  const isName = !/^[-+.\d]/.test(text) && text !== '';
  return isName ? text : parseCount(text);
}

/**
 * What follows the feeds in a call of `run`: options, or the outputs to compute and options, as
 * onnxruntime has it. Not here: feeds (./feeds.ts).
 */
import { type OptionNames, requireOptions, requireSignal, unknownName } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { isTensorLike } from '../tensor/tensor.js';
import type { ResultMemory } from './result-targets.js';
import type { RunOptions } from './session-types.js';

export interface RunArguments {
  readonly signal: AbortSignal | undefined;
  /** The outputs in the order asked for; undefined for all of them. */
  readonly outputs: readonly string[] | undefined;
  /** The memory that results are written into, by output; undefined where none is given. */
  readonly memory: ReadonlyMap<string, ResultMemory> | undefined;
}

const SITE = { op: 'run' };
const OPTIONS: OptionNames<RunOptions> = { signal: true, outputs: true, task: true };
const ALL: RunArguments = { signal: undefined, outputs: undefined, memory: undefined };

/**
 * `run(feeds, options)`, `run(feeds, outputs, options)`.
 * @param known the names of the model's outputs
 * @throws BitplaneError ERR_ARGUMENT
 */
export function runArguments(
  known: readonly string[],
  second: unknown,
  third: unknown,
): RunArguments {
  if (second === undefined && third === undefined) return ALL;
  const chosenFirst = third !== undefined || isOutputs(known, second);
  const options = ((chosenFirst ? third : second) ?? {}) as RunOptions;
  requireOptions(options, OPTIONS, SITE);
  requireSignal(options.signal, SITE);
  if (options.task !== undefined && typeof options.task !== 'string')
    throw expected('ERR_ARGUMENT', 'the name of a task', options.task, SITE);
  if (chosenFirst && second !== undefined && options.outputs !== undefined)
    throw expected('ERR_ARGUMENT', 'outputs once', 'a list and an option', SITE);
  const outputs = (chosenFirst ? second : undefined) ?? options.outputs;
  return {
    signal: options.signal,
    outputs: outputs === undefined ? undefined : outputNames(known, outputs),
    memory: outputs === undefined || Array.isArray(outputs) ? undefined : memoryOf(outputs),
  };
}

/** The task that the options of such a call name; an output that is called so names none. */
export function taskOf(second: unknown, third: unknown): string | undefined {
  const task = ((third ?? second) as RunOptions | null | undefined)?.task;
  return typeof task === 'string' ? task : undefined;
}

/**
 * Whether a lone second argument is a list of outputs, or a map that holds one (as onnxruntime
 * tells them from options). The name of an output that is no option speaks for a map whatever it
 * holds, so that an error names that output; of one that is called as an option, memory or null.
 */
function isOutputs(known: readonly string[], value: unknown): boolean {
  if (Array.isArray(value)) return true;
  if (value === null || typeof value !== 'object') return false;
  const map = value as Readonly<Record<string, unknown>>;
  return known.some(
    (name) =>
      Object.hasOwn(map, name) &&
      (!Object.hasOwn(OPTIONS, name) || map[name] === null || isMemory(map[name])),
  );
}

/** The names of a list, or of a map from names to null or memory. */
function outputNames(known: readonly string[], outputs: unknown): readonly string[] {
  const names = Array.isArray(outputs) ? outputs : namesOfMap(outputs);
  for (const name of names) {
    if (typeof name !== 'string') throw expected('ERR_ARGUMENT', 'names of outputs', name, SITE);
    if (!known.includes(name)) throw unknownName('outputs of', name, known, SITE);
  }
  if (names.length === 0) throw expected('ERR_ARGUMENT', 'at least one output', 'none', SITE);
  if (new Set(names).size !== names.length)
    throw expected('ERR_ARGUMENT', 'every output once', names, SITE);
  return names;
}

function namesOfMap(outputs: unknown): readonly string[] {
  if (
    outputs === null ||
    typeof outputs !== 'object' ||
    ArrayBuffer.isView(outputs) ||
    isTensorLike(outputs)
  )
    throw expected(
      'ERR_ARGUMENT',
      'outputs to be a list of names or a map from names to null or a tensor',
      outputs,
      SITE,
    );
  for (const [name, value] of Object.entries(outputs)) {
    if (value === null || isMemory(value)) continue;
    throw expected(
      'ERR_ARGUMENT',
      'null, which asks for this output, or a tensor or typed array that receives it',
      value,
      { ...SITE, node: name },
    );
  }
  return Object.keys(outputs);
}

function memoryOf(outputs: object): ReadonlyMap<string, ResultMemory> | undefined {
  const given = Object.entries(outputs).filter(([, value]) => value !== null);
  return given.length === 0 ? undefined : new Map(given as [string, ResultMemory][]);
}

/** Whether results can be written into it, if it is of the right kind. */
function isMemory(value: unknown): boolean {
  return isTensorLike(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

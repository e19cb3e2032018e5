/**
 * One input, and what is wrong with what came of it. Not here: whether the process survived
 * (../fuzz.mjs).
 */
import { BitplaneError } from '../../src/core/errors.ts';
import { READERS } from './readers.mjs';

/** CPU time; on a machine that others use too, no clock on the wall tells. */
const SLOW_S = 5;
/**
 * Asking for it takes as long as a small file: once an input, the answer after one being that
 * before the next.
 */
let used = process.cpuUsage();

/**
 * @returns outcome 'ran', 'large', 'refused'; loaded; and problem: { kind, sentence } or undefined
 */
export async function attempt(reader, bytes, options) {
  const before = used;
  let [outcome, problem] = ['refused', undefined];
  try {
    outcome = await READERS[reader].read(bytes, { ...options, refusal });
  } catch (error) {
    const fault = error instanceof BitplaneError ? hidden(error) : error;
    if (fault !== undefined) problem = describe(fault);
  }
  used = process.cpuUsage();
  const seconds = (used.user + used.system - before.user - before.system) / 1e6;
  if (seconds > SLOW_S) problem ??= { kind: 'slow', sentence: `took ${seconds.toFixed(1)} s` };
  return { outcome, problem };
}

/**
 * The border of a reader (src/core/border.ts) makes an error of ours of any other. Lengths that no
 * array has and stacks that end are what it is for; a mistake in the code is a finding. What Node
 * refuses, such as text that is no UTF-8, has a code.
 */
function hidden({ cause }) {
  const mistake = cause instanceof TypeError || cause instanceof ReferenceError;
  return mistake && cause.code === undefined ? cause : undefined;
}

/** For what may be refused on the way: anything else goes on. */
function refusal(error) {
  if (!(error instanceof BitplaneError)) throw error;
}

/** The kind says which findings are the same one: where an error was thrown, not what of. */
function describe(error) {
  if (error?.name === 'Difference')
    return {
      kind: `differs: ${error.message.replace(/-?\d[\d.]*(e[-+]?\d+)?/g, '#').slice(0, 80)}`,
      sentence: error.message,
    };
  const stack = String(error?.stack ?? error);
  const frame = stack.split('\n').find((line) => line.includes(' at ')) ?? '';
  const place = /at (?:async )?(\S+)/.exec(frame)?.[1] ?? '';
  return { kind: `${error?.name ?? typeof error} in ${place}`, sentence: stack.slice(0, 1500) };
}

/**
 * Tries one input and tells what is wrong with the outcome. Not here: whether the process survived
 * (../fuzz.mjs).
 */
import { BitplaneError } from '../../src/core/errors.ts';
import { READERS } from './readers.mjs';

/** In CPU time, because on a shared machine wall time tells little. */
const SLOW_S = 5;
/**
 * Asking for CPU time takes as long as a small file. So it is asked once for each input: the time
 * after one is the time before the next.
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
 * The border of a reader (src/core/border.ts) turns every exception into a BitplaneError. It is
 * meant for impossible array lengths, exhausted stacks, and Node's own errors, which have a code
 * (text that is no UTF-8). Any other exception is a mistake in the code, and a finding.
 */
function hidden({ cause }) {
  const mistake = cause instanceof TypeError || cause instanceof ReferenceError;
  return mistake && cause.code === undefined ? cause : undefined;
}

/** Ignores a BitplaneError; passes on any other exception. */
function refusal(error) {
  if (!(error instanceof BitplaneError)) throw error;
}

/**
 * Findings of one kind count as the same. The kind names the place where an error was thrown, not
 * its message.
 */
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

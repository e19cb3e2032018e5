/**
 * What the options of a session say, checked: the machine that programs are for, limits, and how a
 * graph is prepared. Not here: reading files and their options (src/formats), running.
 */
import { requireOneOf, requireOptions, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { isSize } from '../core/shape.js';
import type { Pausing } from '../core/turns.js';
import type { Graph } from '../graph/value.js';
import { cores } from '../native/cores.js';
import { withoutFeatures } from '../native/features.js';
import { resolveIsa } from '../native/isa.js';
import { verify } from '../ops/verify.js';
import { canonicalizing, optimizing } from '../passes/index.js';
import type { Target } from './compile.js';
import { requireFixed } from './fixed-operands.js';
import { limitsOf, requireNodes } from './limits.js';
import { LOW_BITS, SESSION_OPTIONS, type SessionOptions } from './session-types.js';
import type { StateStore } from './state-store.js';
import { requireWarm } from './warm.js';

const MAX_THREADS = 64;
const PROGRAM_BYTES = 2 ** 28;
const SITE = { op: 'Session' };

export interface SessionSettings {
  readonly target: Target;
  readonly programBytes: number;
  readonly limits: Limits;
  readonly states: StateStore | undefined;
  /** From the graph of a model to the one that is compiled; pauses within. */
  readonly preparing: (graph: Graph) => Pausing<Graph>;
}

/** @throws BitplaneError ERR_ARGUMENT, ERR_ISA, and ERR_ABORTED for a signal aborted before */
export function sessionSettings(options: SessionOptions): SessionSettings {
  requireOptions(options, SESSION_OPTIONS, SITE);
  const {
    threads,
    isa,
    lowBit = 'auto',
    optimize: optimized = true,
    signZero = 'exact',
    programBytes = PROGRAM_BYTES,
  } = options;
  if (
    threads !== undefined &&
    !(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)
  ) {
    throw expected(
      'ERR_ARGUMENT',
      `threads to be a whole number from 1 to ${MAX_THREADS}`,
      threads,
      SITE,
    );
  }
  requireOneOf(signZero, ['exact', 'plus'], 'signZero', SITE);
  requireOneOf(lowBit, LOW_BITS, 'lowBit', SITE);
  if (!isSize(programBytes))
    throw expected(
      'ERR_ARGUMENT',
      'programBytes to be a whole number of 0 or more',
      programBytes,
      SITE,
    );
  if (typeof optimized !== 'boolean')
    throw expected('ERR_ARGUMENT', 'optimize to be true or false', optimized, SITE);
  requireWarm(options.warm);
  requireSignal(options.signal, SITE);
  const limits = limitsOf(options, 'Session');
  requireGoing(options.signal);
  return {
    target: {
      isa: resolveIsa(isa),
      without: withoutFeatures(),
      threads: threads ?? Math.min(cores(), MAX_THREADS),
      lowBit,
    },
    programBytes,
    limits,
    states: options.states,
    *preparing(graph) {
      verify(graph);
      requireNodes(graph, options.maxNodes, 'Session');
      yield;
      const prepared = optimized
        ? yield* optimizing(graph, { signZero, maxBytes: limits.maxBytes })
        : yield* canonicalizing(graph, limits);
      requireFixed(prepared);
      return prepared;
    },
  };
}

/** @throws BitplaneError ERR_ABORTED */
export function requireGoing(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new BitplaneError('ERR_ABORTED', 'loading was aborted', {
      ...SITE,
      cause: signal.reason,
    });
}

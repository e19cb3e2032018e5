/**
 * What a process may watch of sessions by `node:diagnostics_channel`, as OpenTelemetry and the like
 * do:
 *
 *     import { tracingChannel } from 'node:diagnostics_channel';
 *     tracingChannel('bitplane:run').subscribe({
 *       asyncEnd: ({ model, ms, error }) => console.log(model, ms, error),
 *     });
 *
 * The channels are those of Node's tracingChannel: `start`, `end`, `asyncStart`, `asyncEnd` and
 * `error`, all with the same object. Without subscribers nothing is made and nothing is timed. Not
 * here: what is traced.
 */
import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { Sizes } from '../core/shape.js';

/** What every message says: how long it took, from the end on, and what came of it. */
export interface Trace {
  /** Milliseconds from the start; set before `end` of what is synchronous, else `asyncEnd`. */
  ms?: number;
  /** What was thrown, if anything was. */
  error?: unknown;
}

/** Messages of `bitplane:create`: one `Session.create`; `result` is the session. */
export interface CreateTrace extends Trace {
  /** The path of the model; undefined for bytes. */
  readonly model: string | undefined;
  /** The session, once there is one. */
  result?: unknown;
}

/** Messages of `bitplane:run`: one `session.run`; `result` holds the outputs by name. */
export interface RunTrace extends Trace {
  /** The session that runs. */
  readonly session: object;
  /** The path of its model; undefined for bytes and graphs. */
  readonly model: string | undefined;
  /** As the caller gave them. */
  readonly feeds: unknown;
  /** The outputs by name, once there are any. */
  result?: unknown;
}

/** Messages of `bitplane:compile`, `start` and `end` only: one program for one size. */
export interface CompileTrace extends Trace {
  /** The path of the model; undefined for bytes and graphs. */
  readonly model: string | undefined;
  /** The size of every symbol, such as { N: 8 }. */
  readonly sizes: Sizes;
  /** The most threads of its runs. */
  readonly threads: number;
}

export const CREATE = tracingChannel<unknown, CreateTrace>('bitplane:create');
export const RUN = tracingChannel<unknown, RunTrace>('bitplane:run');
export const COMPILE = tracingChannel<unknown, CompileTrace>('bitplane:compile');

/** Whether anybody listens to a channel. Node's own getter is younger than Node 20. */
export function isTraced({ start, end, asyncStart, asyncEnd, error }: AnyChannel): boolean {
  return (
    start.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers
  );
}

type AnyChannel =
  | Pick<typeof RUN, 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error'>
  | typeof CREATE
  | typeof COMPILE;

/** `work`, traced: called only where somebody listens. */
export function traced<T, C extends Trace & object>(
  channel: TracingChannel<unknown, C>,
  context: C,
  work: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  const timed = () =>
    work().finally(() => {
      context.ms = performance.now() - began;
    });
  return channel.tracePromise(timed, context);
}

/** Says that a program is compiled; what it gives says that it is, or failed. */
export function compileTrace(told: Omit<CompileTrace, keyof Trace>): (error?: unknown) => void {
  const context: CompileTrace = told;
  const began = performance.now();
  COMPILE.start.publish(context);
  return (error) => {
    context.ms = performance.now() - began;
    if (error !== undefined) {
      context.error = error;
      COMPILE.error.publish(context);
    }
    COMPILE.end.publish(context);
  };
}

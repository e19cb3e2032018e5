/**
 * The public Session: a GraphSession that can open files. Not here: the formats, the running.
 */
import {
  type OptionNames,
  requireOptions,
  requirePlain,
  requireSignal,
  unknownName,
} from '../core/checks.js';
import { DTYPE_LIST, DTYPES, type DType } from '../core/dtype.js';
import { expected } from '../core/errors.js';
import { inTurns } from '../core/turns.js';
import { isOpen } from '../graph/open.js';
import type { Graph, Input, Value } from '../graph/value.js';
import { fixShapes } from '../passes/fix-shapes.js';
import { limitsOf } from '../runtime/limits.js';
import { PackedWeights } from '../runtime/packed-weights.js';
import { GraphSession } from '../runtime/session.js';
import { requireGoing, sessionSettings } from '../runtime/session-settings.js';
import {
  SESSION_OPTIONS,
  type SessionInfo,
  type SessionOptions,
} from '../runtime/session-types.js';
import { CREATE, isTraced, traced } from '../runtime/tracing.js';
import { requireWarm } from '../runtime/warm.js';
import { LOAD_OPTIONS, type LoadOptions, openModel } from './model.js';
import { type Store, taskGraph, taskNumber } from './store/store.js';

/** Options of a session from a file: those of a session, and those of reading the file. */
export interface CreateOptions extends SessionOptions, Omit<LoadOptions, 'signal'> {
  /**
   * Outputs that the model must have, and their dtypes, `{ logits: 'f32' }`. Results are typed by
   * it, and have no other names; a model that is otherwise is refused before it is compiled.
   */
  readonly expect?: ExpectedOutputs | undefined;
}

/** Dtypes of outputs by name. */
export type ExpectedOutputs = Readonly<Record<string, DType>>;

/** The graph of a model of which only these outputs are known. */
export type ExpectedGraph<E extends ExpectedOutputs> = Graph<
  readonly Input[],
  { readonly [K in keyof E]: Value<E[K]> }
>;

const CREATE_OPTIONS: OptionNames<CreateOptions> = {
  ...SESSION_OPTIONS,
  ...LOAD_OPTIONS,
  expect: true,
};

/** The sessions of the tasks of one store, made when they are first asked for. */
interface Family {
  readonly store: Store;
  readonly options: SessionOptions;
  readonly shapes: LoadOptions['shapes'];
  readonly sessions: Map<string, Session>;
  /** One copy for all tasks. */
  readonly weights: PackedWeights;
  /** Bytes of the store's tensors that are in memory. */
  readonly heldBytes: number;
}

/**
 * Runs a model.
 *
 *     const session = await Session.create('model.onnx');
 *     const { logits } = await session.run({ image });
 *
 * Of a store, the networks of all tasks; runs of several may be in flight at once:
 *
 *     const session = await Session.create('store.safetensors', { task: 'cifar10' });
 *     const { logits } = await session.run({ image }, { task: 'cifar100' });
 */
export class Session<G extends Graph = Graph> extends GraphSession<G> {
  private close: () => Promise<void> = async () => undefined;
  private family: Family | undefined;

  /**
   * Opens an ONNX, QONNX or bitplane safetensors model from a path or from bytes, which must not
   * change until the promise resolves. A file stays open until the session is released: weights are
   * read from it when they are packed. It may be deleted or replaced by another; once it is written
   * to, reading further weights is an ERR_IO. What `warm` lists is compiled before the promise
   * resolves: by default one image, or the batch that the model declares. The event loop goes on
   * between the turns of all this.
   * @throws BitplaneError ERR_IO, ERR_FORMAT, ERR_LIMIT, ERR_UNSUPPORTED_OP, ERR_ARGUMENT, ERR_ISA,
   * ERR_NATIVE, ERR_ABORTED; ERR_DTYPE where an output is not of the dtype that `expect` names
   */
  static create(
    model: string | URL | Uint8Array | ArrayBuffer,
    options?: CreateOptions & { readonly expect?: undefined },
  ): Promise<Session>;
  static create<const E extends ExpectedOutputs>(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: CreateOptions & { readonly expect: E },
  ): Promise<Session<ExpectedGraph<E>>>;
  static create(
    model: string | URL | Uint8Array | ArrayBuffer,
    options?: CreateOptions,
  ): Promise<Session>;
  static create(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: CreateOptions = {},
  ): Promise<Session> {
    if (!isTraced(CREATE)) return Session.open(model, options);
    return traced(CREATE, { model: nameOf(model) }, () => Session.open(model, options));
  }

  private static async open(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: CreateOptions,
  ): Promise<Session> {
    requireOptions(options, CREATE_OPTIONS, { op: 'Session' });
    requireWarm(options.warm);
    requireSignal(options.signal, { op: 'Session' });
    // The reader counts the values.
    const { multiThresholdAxis, maxFileBytes, maxNodes, shapes, task, expect, ...more } = options;
    const { signal, maxBytes } = more;
    const loading = { signal, multiThresholdAxis, maxFileBytes, maxNodes, maxBytes, shapes, task };
    const settings = sessionSettings(more);
    const { graph, store, heldBytes = 0, close } = await openModel(model, loading);
    const weights = new PackedWeights();
    let session: Session;
    try {
      const prepared = isOpen(graph)
        ? undefined
        : await inTurns(settings.preparing(graph), () => requireGoing(signal));
      session = new Session(graph, settings, prepared, weights);
      if (expect !== undefined) requireOutputs(session, expect);
    } catch (error) {
      await close();
      throw error;
    }
    session.close = close;
    session.model = nameOf(model);
    if (store !== undefined) {
      const { warm: _, states: __, signal: ___, ...each } = more;
      const sessions = new Map([[task as string, session]]);
      const own = { ...each, ...(maxNodes && { maxNodes }) };
      session.family = { store, options: own, shapes, sessions, weights, heldBytes };
    }
    try {
      await session.compileFirst(options.warm, signal);
      return session;
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /**
   * As `GraphSession.fromGraph`: a session over a graph built in code; feeds and results are typed
   * by it. What `warm` lists is compiled before this returns.
   * @throws BitplaneError ERR_ARGUMENT, ERR_ISA, ERR_GRAPH, ERR_LIMIT, ERR_NATIVE, ERR_ABORTED
   */
  static override fromGraph<G extends Graph>(graph: G, options: SessionOptions = {}): Session<G> {
    return new Session<G>(graph, sessionSettings(options)).warmed(options);
  }

  /** The tasks of the store that this session is over; none for other models. */
  get tasks(): readonly string[] {
    return this.family?.store.tasks.map(({ name }) => name) ?? [];
  }

  /** As of a session over a graph; of a store also what all its tasks hold. */
  override get info(): SessionInfo {
    const info = super.info;
    return { ...info, residentBytes: info.packedBytes + (this.family?.heldBytes ?? 0) };
  }

  protected override ofTask(task: string): GraphSession {
    if (this.family === undefined) return super.ofTask(task);
    const { store, options, shapes, sessions, weights } = this.family;
    taskNumber(store, task);
    let session = sessions.get(task);
    if (session === undefined) {
      const graph = taskGraph(store, task, { limits: limitsOf(options, 'Session') });
      const fixed = shapes === undefined ? graph : fixShapes(graph, shapes, { op: 'shapes' });
      session = new Session(fixed, sessionSettings(options), undefined, weights);
      // So that it knows its own name in a run.
      session.family = this.family;
      session.model = this.model;
      sessions.set(task, session);
    }
    return session;
  }

  /** Frees the native memory and closes the file; runs in flight end first. Safe to call twice. */
  override async release(): Promise<void> {
    const { sessions = new Map<string, Session>() } = this.family ?? {};
    for (const session of sessions.values())
      if (session !== (this as Session)) await session.releaseAlone();
    await this.releaseAlone();
  }

  private async releaseAlone(): Promise<void> {
    await super.release();
    await this.close();
  }
}

/** The path of a model; undefined for bytes, and for what is no model. */
function nameOf(model: unknown): string | undefined {
  return typeof model === 'string' || model instanceof URL ? String(model) : undefined;
}

/** @throws BitplaneError ERR_ARGUMENT, ERR_DTYPE naming the output */
function requireOutputs(session: GraphSession, outputs: ExpectedOutputs): void {
  const site = { op: 'expect' };
  requirePlain(outputs, 'dtypes of outputs by name', site);
  for (const [name, dtype] of Object.entries(outputs)) {
    if (!Object.hasOwn(DTYPES, dtype))
      throw expected('ERR_ARGUMENT', `a dtype of ${DTYPE_LIST}`, dtype, { ...site, node: name });
    const output = session.outputMetadata.find((each) => each.name === name);
    if (output === undefined) throw unknownName('outputs of', name, session.outputNames, site);
    if (output.dtype !== dtype)
      throw expected('ERR_DTYPE', `an output of ${dtype}`, output.dtype, { ...site, node: name });
  }
}

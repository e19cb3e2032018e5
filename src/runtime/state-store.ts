/**
 * The states of a graph, which last from run to run: parameters, running statistics, moments of an
 * optimizer. Not here: native memory and its queue (./state-memory.ts).
 */
import { BitplaneError, expected } from '../core/errors.js';
import { type Graph, statesOf } from '../graph/value.js';
import { verify } from '../ops/verify.js';
import { Tensor, type TensorLike } from '../tensor/tensor.js';
import { StateMemory } from './state-memory.js';

const memories = new WeakMap<StateStore, StateMemory>();

/**
 * Holds the states of a graph. Sessions that are given the same store see the same states: a
 * training step and its evaluation.
 *
 *     const states = new StateStore(step);
 *     const training = Session.fromGraph(step, { states });
 *     const evaluation = Session.fromGraph(network, { states });
 *     await training.run({ x, target });
 *     states.get('w');
 *
 * A run that changes states is alone in its store: others wait in order. Runs that only read
 * states may run together.
 */
export class StateStore {
  /**
   * Every state that the graph reads or updates, with the values that it begins with.
   * @throws BitplaneError ERR_GRAPH, ERR_NATIVE
   */
  constructor(graph: Graph) {
    verify(graph);
    memories.set(this, new StateMemory(statesOf(graph)));
  }

  /** The names of its states. */
  get names(): readonly string[] {
    return memoryOf(this).names;
  }

  /**
   * A copy of the state as it is now.
   * @throws BitplaneError ERR_ARGUMENT for an unknown name, or while a run changes states: await
   * it; ERR_RELEASED
   */
  get(name: string): Tensor {
    return usable(this, name, false).read(name);
  }

  /**
   * Gives the state another value, of its dtype and shape.
   * @throws BitplaneError ERR_ARGUMENT for an unknown name, another dtype or shape, or while runs
   * use the states: await them; ERR_RELEASED
   */
  set(name: string, tensor: TensorLike): void {
    usable(this, name, true).write(name, Tensor.from(tensor));
  }

  /**
   * Frees the memory, once no session uses it any more. Sessions of this store cannot run from
   * then on; runs in flight end.
   */
  release(): void {
    memoryOf(this).release();
  }
}

/** The memory behind a store. @throws BitplaneError ERR_ARGUMENT for what is none */
export function memoryOf(store: unknown): StateMemory {
  const memory = memories.get(store as StateStore);
  if (memory === undefined)
    throw expected('ERR_ARGUMENT', 'states to be a StateStore of this copy of bitplane', store, {
      op: 'Session',
    });
  return memory;
}

function usable(store: StateStore, name: string, changes: boolean): StateMemory {
  const memory = memoryOf(store);
  if (typeof name !== 'string')
    throw expected('ERR_ARGUMENT', 'the name of a state', name, { op: 'state' });
  memory.requireHeld(name);
  if (!memory.queue.isFree(changes))
    throw new BitplaneError(
      'ERR_ARGUMENT',
      `expected no run that ${changes ? 'uses' : 'changes'} states but one is in flight; await it`,
      { op: 'state', node: name },
    );
  return memory;
}

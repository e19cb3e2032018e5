/**
 * The native memory of states by name, and the queue of the runs that use it. Not here: what its
 * users see (./state-store.ts).
 */
import type { DType } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { addon, type NativeStates } from '../native/addon.js';
import { showType } from '../ops/print.js';
import { memoryBytes } from '../schedule/memory-bytes.js';
import { packWords } from '../tensor/layout.js';
import type { Tensor } from '../tensor/tensor.js';
import { resultArray, resultTensor } from './feeds.js';
import { StateQueue } from './state-queue.js';

interface Held {
  readonly number: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export class StateMemory {
  readonly native: NativeStates;
  readonly queue = new StateQueue();
  /** Bytes of all states. */
  readonly bytes: number;
  private readonly held: ReadonlyMap<string, Held>;
  private released = false;

  get isReleased(): boolean {
    return this.released;
  }

  /** @param states of a graph, whose tensors are the first values */
  constructor(states: readonly Value[]) {
    this.held = new Map(
      states.map(({ name, dtype, shape }, number) => [
        name,
        { number, dtype, shape: shape as readonly number[] },
      ]),
    );
    const sizes = states.map(({ dtype, shape }) => memoryBytes(dtype, shape));
    this.bytes = sizes.reduce((sum, size) => sum + size, 0);
    this.native = new (addon().States)(sizes);
    for (const { name, data } of states) this.write(name, data as Tensor);
  }

  get names(): readonly string[] {
    return [...this.held.keys()];
  }

  numberOf(name: string): number {
    return this.find(name).number;
  }

  /** @throws BitplaneError ERR_RELEASED naming the state */
  requireHeld(name: string): void {
    if (this.released)
      throw new BitplaneError('ERR_RELEASED', 'the store of this state was released', {
        op: 'state',
        node: name,
      });
  }

  /**
   * @throws BitplaneError ERR_GRAPH naming a state of the graph that is not here, or of another
   * dtype or shape
   */
  requireStates(states: readonly Value[]): void {
    for (const state of states) {
      const site = { op: 'state', node: state.name };
      const held = this.held.get(state.name);
      if (held === undefined)
        throw expected('ERR_GRAPH', 'a store that holds the state', 'one without it', site);
      if (held.dtype !== state.dtype || !sameShape(held.shape, state.shape))
        throw expected(
          'ERR_GRAPH',
          `${showType(held)}, as the store has it,`,
          showType(state),
          site,
        );
    }
  }

  read(name: string): Tensor {
    const { number, dtype, shape } = this.find(name);
    const array = resultArray(dtype, shape);
    this.native.read(number, array);
    return resultTensor({ dtype, shape }, array);
  }

  /** @throws BitplaneError ERR_ARGUMENT for a tensor of another dtype or shape */
  write(name: string, tensor: Tensor): void {
    const held = this.find(name);
    if (tensor.dtype !== held.dtype || !sameShape(tensor.shape, held.shape))
      throw expected('ERR_ARGUMENT', `a tensor of ${showType(held)}`, showType(tensor), {
        op: 'state',
        node: name,
      });
    if (tensor.data.length === 0 && tensor.size > 0)
      throw expected('ERR_ARGUMENT', `a tensor of ${showType(held)}`, 'a detached array', {
        op: 'state',
        node: name,
      });
    const { data } = tensor;
    this.native.write(
      held.number,
      held.dtype === 'b1' ? packWords(data as Uint8Array, held.shape) : data,
    );
  }

  /** Copies of all states; what is returned puts them back. */
  saved(): () => void {
    const copies = [...this.held].map(([name]) => [name, this.read(name)] as const);
    return () => {
      for (const [name, tensor] of copies) this.write(name, tensor);
    };
  }

  /** Programs keep the memory that they use; runs that wait are refused. */
  release(): void {
    this.released = true;
    this.queue.refuse();
    this.native.release();
  }

  private find(name: string): Held {
    const held = this.held.get(name);
    if (held !== undefined) return held;
    const known = this.names.map((each) => `"${each}"`).join(', ') || 'none';
    throw expected('ERR_ARGUMENT', `the name of a state (${known})`, name, { op: 'state' });
  }
}

/**
 * Rows of several callers one after the other, as they will be fed. Each row is copied once, when
 * its caller comes, into memory that is used again when the run of those before has ended. Not
 * here: who runs with whom (./batcher.ts).
 */
import { DTYPES } from '../core/dtype.js';
import type { Sizes } from '../core/shape.js';
import type { Graph } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import { tensorOf } from '../tensor/values.js';

/** Whose rows they are. */
export interface Caller {
  readonly count: number;
  /** The place of its first row; the block says it. */
  at: number;
}

export class Block<C extends Caller> {
  /** In the order of their rows, which have no gaps. */
  readonly callers: C[] = [];
  rows = 0;
  private capacity = 0;
  private arrays: readonly NodeJS.TypedArray[];
  /** Elements of a row of each input; bits take a byte each until they are fed. */
  private readonly perRow: readonly number[];

  /** @param others sizes of all symbols but the batch */
  constructor(
    private readonly graph: Graph,
    private readonly others: Sizes,
  ) {
    this.perRow = graph.inputs.map(({ shape }) =>
      this.rest(shape).reduce((all, dim) => all * dim, 1),
    );
    this.arrays = graph.inputs.map(({ dtype }) => new (arrayOf(dtype))(0));
  }

  /** Copies the rows of a caller behind those that are there. */
  add(caller: C, values: readonly NodeJS.TypedArray[]): void {
    this.reserve(this.rows + caller.count);
    for (let i = 0; i < values.length; i++)
      (this.arrays[i] as Uint8Array).set(
        values[i] as Uint8Array,
        this.rows * (this.perRow[i] as number),
      );
    caller.at = this.rows;
    this.callers.push(caller);
    this.rows += caller.count;
  }

  /** Moves a caller of another block behind those that are here. */
  adopt(from: Block<C>, caller: C): void {
    const values = from.valuesOf(caller);
    const { at } = caller;
    this.add(caller, values);
    from.close(caller, at);
  }

  /** Takes a caller and its rows out. */
  remove(caller: C): void {
    this.close(caller, caller.at);
  }

  /** Leaves the first callers, and gives the others to `rest`. */
  keep(count: number, rest: Block<C>): void {
    for (const caller of this.callers.splice(count)) {
      const values = this.valuesOf(caller);
      this.rows -= caller.count;
      rest.add(caller, values);
    }
  }

  /** Empty again. */
  clear(): void {
    this.callers.length = 0;
    this.rows = 0;
  }

  /** Elements of a caller's rows, of every input. */
  valuesOf({ at, count }: Caller): readonly NodeJS.TypedArray[] {
    return this.arrays.map((array, i) => {
      const perRow = this.perRow[i] as number;
      return array.subarray(at * perRow, (at + count) * perRow);
    });
  }

  /** Feeds of `size` rows. Those that nobody has hold what was there before. */
  feeds(size: number): Readonly<Record<string, Tensor>> {
    this.reserve(size);
    return Object.fromEntries(
      this.graph.inputs.map(({ name, dtype, shape }, i) => {
        const values = (this.arrays[i] as Uint8Array).subarray(
          0,
          size * (this.perRow[i] as number),
        );
        return [name, tensorOf(dtype, values, [size, ...this.rest(shape)])];
      }),
    );
  }

  /** Closes the gap that a caller leaves at `at`. */
  private close(caller: C, at: number): void {
    const end = at + caller.count;
    this.arrays.forEach((array, i) => {
      const perRow = this.perRow[i] as number;
      array.copyWithin(at * perRow, end * perRow, this.rows * perRow);
    });
    const place = this.callers.indexOf(caller);
    this.callers.splice(place, 1);
    this.rows -= caller.count;
    for (let i = place; i < this.callers.length; i++) (this.callers[i] as C).at -= caller.count;
  }

  /** Room for so many rows: twice what there was, so that few grow often. */
  private reserve(rows: number): void {
    if (rows <= this.capacity) return;
    this.capacity = Math.max(rows, 2 * this.capacity);
    this.arrays = this.arrays.map((array, i) => {
      const Kind = array.constructor as Uint8ArrayConstructor;
      const longer = new Kind(this.capacity * (this.perRow[i] as number));
      longer.set(array as Uint8Array);
      return longer;
    });
  }

  private rest(shape: readonly (number | string)[]): number[] {
    return shape
      .slice(1)
      .map((dim) => (typeof dim === 'number' ? dim : (this.others[dim] as number)));
  }
}

function arrayOf(dtype: keyof typeof DTYPES): new (length: number) => NodeJS.TypedArray {
  return dtype === 'b1' ? Int8Array : DTYPES[dtype].array;
}

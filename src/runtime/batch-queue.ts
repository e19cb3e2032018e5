/**
 * Callers that can run together, because the sizes of all symbols but the batch are the same: their
 * rows in blocks, the oldest first. Not here: when they run, and how many (./batcher.ts).
 */
import type { Sizes } from '../core/shape.js';
import type { Graph } from '../graph/value.js';
import { Block, type Caller } from './batch-block.js';
import { BatchTimes } from './batch-sizes.js';

/** Empty blocks that are kept: as many as may run, and one to fill meanwhile. */
const FREE_BLOCKS = 3;

export class BatchQueue<C extends Caller> {
  /** Rows that wait. */
  rows = 0;
  readonly times = new BatchTimes();
  private blocks: Block<C>[] = [];
  private readonly free: Block<C>[] = [];

  /**
   * @param others sizes of all symbols but the batch
   * @param most rows of a block, but for a caller that has more
   */
  constructor(
    private readonly graph: Graph,
    readonly others: Sizes,
    private readonly most: number,
  ) {}

  /** Who has waited longest. */
  get first(): C | undefined {
    return this.blocks[0]?.callers[0];
  }

  /** All that wait. */
  get callers(): C[] {
    return this.blocks.flatMap(({ callers }) => callers);
  }

  /** Copies the rows of a caller, who waits from now on. */
  add(caller: C, values: readonly NodeJS.TypedArray[]): void {
    let block = this.blocks[this.blocks.length - 1];
    if (block === undefined || block.rows + caller.count > this.most) {
      block = this.emptyBlock();
      this.blocks.push(block);
    }
    block.add(caller, values);
    this.rows += caller.count;
  }

  /** A caller waits no more. */
  remove(caller: C): void {
    const place = this.blocks.findIndex(({ callers }) => callers.includes(caller));
    const block = this.blocks[place] as Block<C>;
    block.remove(caller);
    this.rows -= caller.count;
    if (block.rows > 0) return;
    this.blocks.splice(place, 1);
    this.give(block);
  }

  /** The first callers, as many as have `most` rows together, but one at least. */
  take(most: number): Block<C> {
    const block = this.blocks.shift() as Block<C>;
    let [taken, rows] = [0, 0];
    for (const { count } of block.callers) {
      if (taken > 0 && rows + count > most) break;
      rows += count;
      taken++;
    }
    if (taken < block.callers.length) {
      const rest = this.emptyBlock();
      block.keep(taken, rest);
      this.blocks.unshift(rest);
    } else this.fill(block, most);
    this.rows -= block.rows;
    return block;
  }

  /** Forgets who waits. */
  clear(): void {
    this.blocks = [];
    this.rows = 0;
  }

  emptyBlock(): Block<C> {
    return this.free.pop() ?? new Block(this.graph, this.others);
  }

  /** Takes back a block whose rows nobody needs any more. */
  give(block: Block<C>): void {
    block.clear();
    if (this.free.length < FREE_BLOCKS) this.free.push(block);
  }

  /** Moves callers of the next blocks into this one while there is room. */
  private fill(block: Block<C>, most: number): void {
    for (let next = this.blocks[0]; next !== undefined; next = this.blocks[0]) {
      const [caller] = next.callers as [C];
      if (block.rows + caller.count > most) return;
      block.adopt(next, caller);
      if (next.rows === 0) this.give(this.blocks.shift() as Block<C>);
    }
  }
}

/**
 * A heap: things come in any order, the least goes first; of equal ones that
 * of the lower rank. Not here: anything about graphs.
 */
interface Entry<T> {
  readonly key: number;
  readonly rank: number;
  readonly item: T;
}

function precedes<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.key < b.key || (a.key === b.key && a.rank < b.rank);
}

export class Heap<T> {
  private readonly items: Entry<T>[] = [];

  get least(): number {
    return this.items[0]?.key ?? Infinity;
  }

  push(key: number, item: T, rank = 0): void {
    const { items } = this;
    let at = items.push({ key, rank, item }) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!precedes(items[at]!, items[above]!)) break;
      [items[above], items[at]] = [items[at]!, items[above]!];
      at = above;
    }
  }

  /** Takes out the least. */
  pop(): T | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top?.item;
    items[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < items.length && precedes(items[left]!, items[least]!)) least = left;
      if (right < items.length && precedes(items[right]!, items[least]!)) least = right;
      if (least === at) return top.item;
      [items[least], items[at]] = [items[at]!, items[least]!];
      at = least;
    }
  }
}

/**
 * A heap: things come in any order, the least goes first. Not here: anything about graphs.
 */
export class Heap<T> {
  private readonly items: { readonly key: number; readonly item: T }[] = [];

  get least(): number {
    return this.items[0]?.key ?? Infinity;
  }

  push(key: number, item: T): void {
    const { items } = this;
    let at = items.push({ key, item }) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (items[above]!.key <= items[at]!.key) break;
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
      if (left < items.length && items[left]!.key < items[least]!.key) least = left;
      if (right < items.length && items[right]!.key < items[least]!.key) least = right;
      if (least === at) return top.item;
      [items[least], items[at]] = [items[at]!, items[least]!];
      at = least;
    }
  }
}

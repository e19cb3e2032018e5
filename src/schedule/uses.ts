/** Who reads the values of a graph. Not here: what a reader makes of them. */
import type { Value } from '../graph/value.js';

export class Uses {
  private readonly position = new Map<Value, number>();
  private readonly users = new Map<Value, Value[]>();

  /** @param order all values, each behind those that it reads */
  constructor(order: readonly Value[]) {
    order.forEach((value, i) => {
      this.position.set(value, i);
      for (const source of new Set(value.inputs)) {
        const list = this.users.get(source);
        if (list === undefined) this.users.set(source, [value]);
        else list.push(value);
      }
    });
  }

  /** The users of a value, in the order of the graph, each once. */
  readonly of = (value: Value): readonly Value[] => this.users.get(value) ?? [];

  /**
   * Users of a value, those behind views of it in place of the views; a view that is an output is
   * nobody's use.
   */
  behindViews(value: Value): Value[] {
    const found: Value[] = [];
    const views = [value];
    for (const view of views)
      for (const user of this.of(view)) (user.op === 'reshape' ? views : found).push(user);
    return found.sort((a, b) => (this.position.get(a) ?? 0) - (this.position.get(b) ?? 0));
  }
}

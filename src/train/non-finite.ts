/**
 * Finds the op with which numbers stopped being finite: when a loss is NaN or infinite, its step is
 * run again from the states before it, with every value as a result. Not here: noticing it.
 */
import type { Graph, Value } from '../graph/value.js';
import { graphOf, topological } from '../graph/value.js';
import { GraphSession } from '../runtime/session.js';
import { StateStore } from '../runtime/state-store.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';

/**
 * The first value, in the order of the graph, that holds NaN or infinity; undefined where none
 * does.
 */
export async function firstNonFinite(
  graph: Graph,
  states: ReadonlyMap<string, Tensor>,
  feeds: Readonly<Record<string, TensorLike>>,
): Promise<Value | undefined> {
  const forward = graphOf(graph.inputs, [['loss', graph.outputs['loss'] as Value]]);
  const values = topological(forward).filter(({ dtype, op }) => dtype === 'f32' && op !== 'input');
  const seen = graphOf(
    graph.inputs,
    values.map((value, i) => [`${i}`, value] as const),
  );
  const store = new StateStore(seen);
  const session = GraphSession.fromGraph(seen, { states: store, optimize: false });
  try {
    for (const name of store.names) {
      const tensor = states.get(name);
      if (tensor !== undefined) store.set(name, tensor);
    }
    const results = await session.run(feeds as never);
    return values.find((_, i) => {
      const { data } = results[`${i}`] as unknown as { readonly data: Float32Array };
      return !data.every(Number.isFinite);
    });
  } finally {
    await session.release();
    store.release();
  }
}

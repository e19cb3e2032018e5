/**
 * A graph of integer layers ready to run on one thread, refused unless every product of it runs in
 * a kernel of integers: a time of float kernels would be no time of low bits. Not here: graphs.
 */
import { type Feeds, type Graph, type Isa, type LayerProfile, Session } from 'bitplane';
import type { Runner } from '../chain/workload.js';

export interface IntegerRunner extends Runner {
  readonly isa: string;
  /** The kernels of the products, each once. */
  readonly kernels: readonly string[];
}

export interface IntegerOptions {
  readonly isa?: Isa;
  /** How many products the graph has, of which none may be in float. */
  readonly products: number;
}

export async function integerRunner<G extends Graph>(
  graph: G,
  feeds: Feeds<G>,
  { products, isa }: IntegerOptions,
): Promise<IntegerRunner> {
  const session = Session.fromGraph(graph, { threads: 1, ...(isa && { isa }) });
  const kernels = integerKernels(await session.profile(1, feeds), products);
  return {
    isa: session.info.isa,
    kernels,
    run: () => session.run(feeds),
    release: () => session.release(),
  };
}

/**
 * The kernels of a profile's products, each once.
 * @throws Error where there are fewer or more products than expected, or one is in float
 */
export function integerKernels(layers: readonly LayerProfile[], products: number): string[] {
  const found = layers.filter(({ macs }) => macs.binary + macs.integer + macs.float > 0);
  const float = found.find(({ macs }) => macs.float > 0);
  if (float !== undefined)
    throw new Error(`${float.op} "${float.name}": expected integers but ran ${float.kernel}`);
  if (found.length !== products)
    throw new Error(
      `expected ${products} products in integers but the program has ${found.length}`,
    );
  return [...new Set(found.map(({ kernel }) => kernel))];
}

/**
 * Runs a float graph over feeds and gathers a histogram of each of some maps. Of a batch, as many
 * maps are computed at a time as fit into a fixed memory. Not here: which maps (./plan.ts), which
 * range to take (../observers).
 */
import { expected } from '../../core/errors.js';
import type { Feeds } from '../../graph/feeds.js';
import { type Graph, graphOf, type Value } from '../../graph/value.js';
import { GraphSession } from '../../runtime/session.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Histogram } from '../observers/histogram.js';
import type { QuantizeOptions } from './options.js';

/** Most bytes of maps that are computed at a time, unless one alone is larger. */
const MOST_BYTES = 2 ** 27;

/**
 * The histograms of maps over all feeds. `mostBytes` changes no number of them.
 * @throws BitplaneError ERR_ARGUMENT where there are no feeds, or a map holds what is no finite
 * number; ERR_FEED where a feed does not fit
 */
export async function calibrate(
  graph: Graph,
  maps: readonly Value[],
  feeds: NonNullable<QuantizeOptions['calibration']>,
  options: QuantizeOptions['session'] = {},
  mostBytes = MOST_BYTES,
): Promise<ReadonlyMap<Value, Histogram>> {
  const seen = new Map(maps.map((map) => [map, new Histogram()]));
  const observed = graphOf(
    graph.inputs,
    maps.map((map, i) => [`map${i}`, map] as const),
  );
  const session = GraphSession.fromGraph(observed, options);
  let batches = 0;
  try {
    for await (const feed of feeds) {
      batches++;
      if (typeof feed !== 'object' || feed === null)
        throw expected('ERR_ARGUMENT', `feeds by name in calibration batch ${batches}`, feed, {
          op: 'quantizeGraph',
        });
      for (const names of partsOf(observed, maps, feed, mostBytes)) {
        const results = (await session.run(feed, names)) as Readonly<Record<string, Tensor>>;
        for (const name of names) {
          const map = maps[Number(name.slice(3))] as Value;
          const { data } = results[name] as Tensor<'f32'>;
          const bad = seen.get(map)!.add(data);
          if (bad !== undefined)
            throw expected('ERR_ARGUMENT', `finite numbers in calibration batch ${batches}`, bad, {
              op: map.op,
              node: map.name,
            });
        }
      }
    }
  } finally {
    await session.release();
  }
  if (batches === 0)
    throw expected('ERR_ARGUMENT', 'calibration feeds, one batch or more,', 'none', {
      op: 'quantizeGraph',
    });
  return seen;
}

/** The names of maps in parts, each of which takes `mostBytes` at most, or is one map. */
function partsOf(graph: Graph, maps: readonly Value[], feed: Feeds, mostBytes: number): string[][] {
  const rows = rowsOf(graph, feed);
  const parts: string[][] = [];
  let bytes = Infinity;
  for (const [i, map] of maps.entries()) {
    const own = 4 * known(map) * (isOpen(map) ? rows : 1);
    if (bytes + own > mostBytes) {
      parts.push([]);
      bytes = 0;
    }
    bytes += own;
    parts[parts.length - 1]!.push(`map${i}`);
  }
  return parts;
}

/** What the symbols of the inputs multiply to in a feed: the size of the batch. */
function rowsOf(graph: Graph, feed: Feeds): number {
  const sizes = graph.inputs.filter(isOpen).map((input) => {
    const given = feed[input.name] as Tensor | Float32Array | undefined;
    if (given === undefined) return 1;
    const array = ArrayBuffer.isView(given) ? given : given.data;
    return array.length / Math.max(1, known(input));
  });
  return sizes.reduce((most, size) => Math.max(most, size), 1);
}

/** The product of the sizes that are numbers. */
function known({ shape }: Value): number {
  return shape.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1);
}

function isOpen({ shape }: Value): boolean {
  return shape.some((dim) => typeof dim === 'string');
}

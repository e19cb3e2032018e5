/**
 * A task of a store with activations of few bits: its network reads and writes codes, whose scales
 * and zero points are the task's own constants, and the shared weights stay as they are. Weights in
 * words of up to 8 bits of mantissa are integers and a scale (src/formats/store/few-bits.ts), so
 * that its products then sum integers. Not here: ranges of activations (src/quant/network).
 */
import { type OptionNames, requireOptions } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { isWhole } from '../formats/store/few-bits.js';
import type { Store, StoredTask } from '../formats/store/store.js';
import { isReadAlone, storedTask, taskGraph, taskNumber } from '../formats/store/store.js';
import { type Graph, topological, type Value } from '../graph/value.js';
import { hasFloatWeights } from '../passes/absorb-affines.js';
import { mergeAffines } from '../passes/index.js';
import { calibrate } from '../quant/network/calibrate.js';
import {
  type LayerSpecs,
  type QuantizeOptions,
  type Settings,
  settingsOf,
} from '../quant/network/options.js';
import { type Quantized, quantizePrepared } from '../quant/network/quantize-prepared.js';
import { requireStore } from './store-file.js';

/** What the activations of a task become, as `quantizeGraph` takes it; weights stay. */
export interface QuantizeTaskOptions
  extends Pick<
    QuantizeOptions,
    'ends' | 'shortcuts' | 'calibration' | 'observer' | 'session' | 'activations'
  > {}

const OPTIONS: OptionNames<QuantizeTaskOptions> = {
  activations: true,
  ends: true,
  shortcuts: true,
  calibration: true,
  observer: true,
  session: true,
};

/** A store of which one task has activations of few bits, and a report of that task's layers. */
export interface QuantizedTask extends Pick<Quantized, 'layers' | 'shortcuts'> {
  /** All tasks; the others as they were. */
  readonly store: Store;
}

const SITE = { op: 'quantizeTask' };
/** Bits of a mantissa beside which a sign fits the integers that kernels multiply. */
const MOST_BITS = 8;
const FLOAT: LayerSpecs = { weights: undefined, activations: undefined };

/**
 * The store, whose task reads activations in codes (default: of 8 bits) where a product's weights
 * are shared integers; its batch norms become one multiplication and one addition. Heads, biases
 * and all that is no such product compute with floats, as before.
 * @throws BitplaneError ERR_ARGUMENT for a task that the store does not have, or options; that task
 * quantized before, ERR_UNSUPPORTED where it has no weights in words of up to 8 bits
 */
export async function quantizeTask(
  store: Store,
  task: string,
  options: QuantizeTaskOptions,
): Promise<QuantizedTask> {
  requireOptions(options, OPTIONS, SITE);
  const number = taskNumber(requireStore(store), task);
  const { shared } = store.tasks[number] as StoredTask;
  const settings = settingsOf({ activations: 8, ...options, weights: 'float' });
  const prepared = mergeAffines(taskGraph(store, task, { floats: true }));
  const whole = wholeProducts(store, number, prepared);
  if (whole.size === 0)
    throw expected(
      'ERR_UNSUPPORTED',
      `weights in words of bfp, of up to ${MOST_BITS} bits without blocks, which are read alone`,
      `another store, for which "quantize" gives an ordinary model`,
      { ...SITE, node: task },
    );
  const own: Settings = {
    ...settings,
    layer: (name, isEnd) => (whole.has(name) ? settings.layer(name, isEnd) : FLOAT),
  };
  const { calibration = [], session } = options;
  const { graph, layers, shortcuts } = await quantizePrepared(prepared, own, {
    seen: async (maps) =>
      maps.length === 0 ? new Map() : await calibrate(prepared, maps, calibration, session),
  });
  if (layers.every(({ activations }) => activations === null))
    throw new BitplaneError(
      'ERR_ARGUMENT',
      'expected a task whose activations are floats but received codes: it was quantized before',
      { ...SITE, node: task },
    );
  requireShared(graph, prepared, shared, task);
  const tasks = store.tasks.map((one, i) => (i === number ? storedTask(task, graph, shared) : one));
  return { store: { ...store, tasks }, layers, shortcuts };
}

/** The names of products whose weights are shared integers and scales. */
function wholeProducts(store: Store, number: number, graph: Graph): ReadonlySet<string> {
  const names = new Set<string>();
  if (!isReadAlone(store, number)) return names;
  const { shared } = store.tasks[number] as StoredTask;
  for (const product of topological(graph).filter(hasFloatWeights)) {
    const place = shared.get((product.inputs[1] as Value).name);
    const weights = place === undefined ? undefined : store.weights[place]?.weights;
    if (weights?.method === 'bfp' && isWhole(weights, number, MOST_BITS)) names.add(product.name);
  }
  return names;
}

/** What is shared must be what it was. @throws BitplaneError ERR_UNSUPPORTED */
function requireShared(
  graph: Graph,
  before: Graph,
  shared: ReadonlyMap<string, number>,
  task: string,
): void {
  const named = (one: Graph) =>
    new Map(topological(one).flatMap((v) => (shared.has(v.name) ? [[v.name, v.data]] : [])));
  const [now, then] = [named(graph), named(before)];
  for (const name of shared.keys())
    if (now.get(name) === undefined || now.get(name) !== then.get(name))
      throw expected('ERR_UNSUPPORTED', 'weights that a layer reads as they are', name, {
        ...SITE,
        node: task,
      });
}

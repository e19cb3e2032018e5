/**
 * What a task is added to: a network, or a store whose tasks share floats that are there once. Not
 * here: training (./add-task.ts).
 */
import { expected } from '../core/errors.js';
import { elementCount } from '../core/shape.js';
import { type BitPlanes, joinBits, type SharedWeights } from '../formats/store/shared-weights.js';
import { type NamedWeights, type Store, storedTask, taskGraph } from '../formats/store/store.js';
import { isTrunk, ownerBits, type TrunkWeights } from '../formats/store/trunk-weights.js';
import { type Graph, topological, type Value } from '../graph/value.js';
import { channelsLast } from '../passes/index.js';
import { finiteFloats } from '../quant/formats/block-float.js';
import { packFields, unpackFields } from '../tensor/bit-fields.js';
import { Tensor } from '../tensor/tensor.js';
import { sharedLayers } from './architecture.js';

/** What a new task takes of weights. */
export type Taking =
  /** What the task has that its network comes from. */
  | { readonly like: number }
  /** Those of a mask of 0 and 1, and -1 where it is `ternary`. */
  | { readonly mask: Tensor<'f32'>; readonly kind: 'binary' | 'ternary' }
  /** Its own and those of the tasks before it; owners count tasks from 1. */
  | { readonly owners: Tensor<'u8'>; readonly values: Tensor<'f32'> };

const SITE = { op: 'trunk' };

/**
 * A network as a store of one task, which is no file yet.
 * @throws BitplaneError ERR_UNSUPPORTED, ERR_ARGUMENT naming weights that are not finite
 */
export function storeOf(name: string, given: Graph): Store {
  const graph = channelsLast(given);
  const layers = sharedLayers([{ task: name, graph }]);
  const weights = layers.map(({ name: layer, dtype, constants }): NamedWeights => {
    const data = constants[0]?.data as Tensor;
    if (dtype === 'b1') return { name: layer, weights: joinBits([data as Tensor<'b1'>]) };
    const { data: values, shape } = finiteFloats(data as Tensor<'f32'>, { ...SITE, node: layer });
    return { name: layer, weights: { method: 'floats', shape, values } };
  });
  const shared = new Map(weights.map((one, place) => [one.name, place] as const));
  return { tasks: [storedTask(name, graph, shared)], weights, dither: 'mask', seed: 0 };
}

/**
 * A store that tasks can be added to.
 * @throws BitplaneError ERR_UNSUPPORTED for words, in which each task has floats of its own
 */
export function requireTrunk(store: Store): void {
  const words = store.weights.find(({ weights }) => 'fields' in weights);
  if (words !== undefined)
    throw expected(
      'ERR_UNSUPPORTED',
      'a network, or a store whose tasks share floats (convert --export-task gives a network)',
      `words of ${words.weights.method}`,
      { ...SITE, node: words.name },
    );
}

/** Whether the tasks of a store own weights, as PackNet has it. */
export function hasOwners(store: Store): boolean {
  return store.weights.some(({ weights }) => weights.method === 'owners');
}

/** The network that a new task begins with, and the places of its shared constants by name. */
export interface Template {
  readonly graph: Graph;
  /** The number of the task that it comes from. */
  readonly task: number;
  readonly shared: ReadonlyMap<string, number>;
}

/**
 * The first task's, or where tasks own weights the last one's, which has the weights of all.
 * @throws BitplaneError ERR_UNSUPPORTED where its layers are not what they are trained as
 */
export function templateOf(store: Store): Template {
  const task = hasOwners(store) ? store.tasks.length - 1 : 0;
  const { name, shared } = store.tasks[task] as Store['tasks'][0];
  const graph = channelsLast(taskGraph(store, name));
  const found = new Set(topological(graph).map((value) => value.name));
  const lost = [...shared.keys()].find((constant) => !found.has(constant));
  if (lost !== undefined)
    throw expected('ERR_UNSUPPORTED', 'weights that a layer reads as they are', lost, SITE);
  return { graph, task, shared };
}

/** The weights of a store with those of one more task. @param tasks how many it had */
export function withTaking(weights: SharedWeights, taking: Taking, tasks: number): SharedWeights {
  if (weights.method === 'bits') return grownBits(weights, taking, tasks);
  const trunk = weights as TrunkWeights;
  if ('owners' in taking) return owned(taking.values, taking.owners, tasks + 1);
  if ('mask' in taking) return masked(trunk, taking.mask.data, taking.kind === 'ternary', tasks);
  if (trunk.method === 'floats') return trunk;
  if (trunk.method === 'owners') {
    const owners = Uint8Array.from(ownersOf(trunk));
    const { shape, values } = trunk;
    return owned(new Tensor('f32', values, shape), new Tensor('u8', owners, shape), tasks + 1);
  }
  const size = trunk.values.length;
  const plane = (planes: Uint8Array) => unpackFields(planes, 1, size * taking.like, size);
  const signs = trunk.method === 'ternary' ? plane(trunk.signs) : undefined;
  const mask = Float32Array.from(plane(trunk.masks), (bit, i) => (signs?.[i] === 1 ? -bit : bit));
  return masked(trunk, mask, false, tasks);
}

/** Weights with owners, which count tasks from 1; what nobody owns is 0. */
export function owned(
  { data, shape }: Tensor<'f32'>,
  owners: Tensor<'u8'>,
  tasks: number,
): SharedWeights {
  const bits = ownerBits(tasks);
  const packed = packFields(Uint32Array.from(owners.data), bits);
  return { method: 'owners', shape, values: data, bits, owners: packed };
}

/** The owners of weights, one a weight. */
export function ownersOf({ owners, bits, values }: TrunkWeights & { method: 'owners' }) {
  return unpackFields(owners, bits, 0, values.length);
}

/** The planes of `tasks` tasks and one more, of 0, 1 and -1. */
function masked(
  trunk: TrunkWeights,
  mask: Float32Array,
  isTernary: boolean,
  tasks: number,
): SharedWeights {
  const { shape, values } = trunk;
  const size = values.length;
  const before = size * tasks;
  const joined = (old: Uint8Array | undefined, fill: number, bit: (m: number) => boolean) => {
    const bits = new Uint32Array(before + size);
    if (old === undefined) bits.fill(fill, 0, before);
    else bits.set(unpackFields(old, 1, 0, before));
    for (let i = 0; i < size; i++) bits[before + i] = bit(mask[i] as number) ? 1 : 0;
    return packFields(bits, 1);
  };
  const masks = joined('masks' in trunk ? trunk.masks : undefined, 1, (m) => m !== 0);
  if (!isTernary && trunk.method !== 'ternary') return { method: 'masks', shape, values, masks };
  const signs = joined('signs' in trunk ? trunk.signs : undefined, 0, (m) => m < 0);
  return { method: 'ternary', shape, values, masks, signs };
}

/** One plane more, as the task has it that the new one is like. */
function grownBits({ shape, planes }: BitPlanes, taking: Taking, tasks: number): SharedWeights {
  const size = elementCount(shape);
  const bits = unpackFields(planes, 1, 0, size * tasks);
  const from = 'like' in taking ? taking.like : 0;
  const all = new Uint32Array(size * (tasks + 1));
  all.set(bits);
  all.set(bits.subarray(size * from, size * (from + 1)), size * tasks);
  return { method: 'bits', shape, planes: packFields(all, 1) };
}

/** The floats that are there once, of weights that are no planes of bits. */
export function valuesOf(weights: SharedWeights): Tensor<'f32'> | undefined {
  if (!isTrunk(weights)) return undefined;
  return new Tensor('f32', weights.values, weights.shape);
}

/** The constants of a graph that tasks share, by their places. */
export function sharedConstants({ graph, shared }: Template): ReadonlyMap<Value, number> {
  return new Map(
    topological(graph).flatMap((value) => {
      const place = value.op === 'constant' ? shared.get(value.name) : undefined;
      return place === undefined ? [] : [[value, place] as const];
    }),
  );
}

/**
 * Networks of one architecture as a store: their products' weights in shared words, all else apart.
 * Not here: files (./store-file.ts), which bits to choose (./fewest-bits.ts).
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { joinBits, joinMasks } from '../formats/store/shared-weights.js';
import { type NamedWeights, type Store, storedTask, TASK_NAME } from '../formats/store/store.js';
import { type Graph, requireGraph, type Value } from '../graph/value.js';
import { optimize } from '../passes/index.js';
import { finiteFloats, type MantissaRounding } from '../quant/formats/block-float.js';
import {
  DITHERS,
  type Dither,
  type FuseOptions,
  type FusionMethod,
  fuse,
  requireFuseOptions,
} from '../quant/formats/fused.js';
import { defaultDither } from '../quant/formats/split.js';
import type { Granularity } from '../quant/spec.js';
import type { Tensor } from '../tensor/tensor.js';
import { type SharedLayer, sharedLayers } from './architecture.js';

/** How networks of one architecture become one store. */
export interface FuseNetworksOptions {
  /**
   * As `fuse` takes it; or `masks` for networks whose weights are 0 or the same in all tasks, such
   * as PackNet and Piggyback make: the floats once, and a mask of one bit a weight for each task.
   */
  readonly method: FusionMethod | 'masks';
  /** One number a task, as `fuse` takes them; none for `masks`. */
  readonly bits?: readonly number[] | undefined;
  /** Of `bfp`: what shares an exponent. Default 'tensor'. */
  readonly granularity?: Granularity | undefined;
  /** Of `bfp`. Default 'nearest'. */
  readonly rounding?: MantissaRounding | undefined;
  /** How the store's weights are read. Default: `mask` of `bfp`, `noise` of `ieee754`. */
  readonly dither?: Dither | undefined;
  /** Of the dither `random`. Default 0. */
  readonly seed?: number | undefined;
}

/** What fusing networks gives: the store, and remarks. */
export interface FusedNetworks {
  /** All networks in one. */
  readonly store: Store;
  /** What to know before trusting it, such as that two tasks are one network. */
  readonly notes: readonly string[];
}

/** A network under the name of its task. */
export type Network = readonly [task: string, graph: Graph];

const SITE = { op: 'fuse' };

/**
 * Networks as the tasks of one store, in this order. Each is optimized first, as `bitplane convert`
 * does: float weights of products go into words, those of one bit into planes. Heads, batch norms,
 * biases and weights of other dtypes stay apart.
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE naming the first layer that differs; nothing is
 * computed before everything has been checked
 */
export function fuseNetworks(
  networks: readonly Network[],
  options: FuseNetworksOptions,
): FusedNetworks {
  requireOptions(
    options,
    { method: true, bits: true, granularity: true, rounding: true, dither: true, seed: true },
    SITE,
  );
  const { method, dither = defaultDither(options.method), seed = 0, ...more } = options;
  const words = method === 'masks' ? undefined : wordsOf({ ...options, method });
  if (words === undefined)
    for (const [name, value] of Object.entries(more))
      if (value !== undefined) throw expected('ERR_ARGUMENT', `no ${name} for masks`, value, SITE);
  requireOneOf(dither, DITHERS, 'dither', SITE);
  if (!Number.isInteger(seed)) throw expected('ERR_ARGUMENT', 'a whole seed', seed, SITE);
  requireNetworks(networks, words?.bits.length);
  const optimized = networks.map(([task, graph]) => ({ task, graph: optimize(graph) }));
  const layers = sharedLayers(optimized);
  for (const { dtype, constants } of layers)
    for (const [number, constant] of constants.entries())
      if (dtype === 'f32')
        finiteFloats(constant.data as Tensor<'f32'>, {
          op: 'fuse',
          node: `${constant.name} of ${optimized[number]?.task}`,
        });
  const weights = layers.map(({ name, dtype, constants }): NamedWeights => {
    const tensors = constants.map(({ data }) => data as Tensor);
    if (dtype === 'b1') return { name, weights: joinBits(tensors as Tensor<'b1'>[]) };
    const floats = tensors as Tensor<'f32'>[];
    return {
      name,
      weights:
        words === undefined
          ? joinMasks(floats, { op: 'fuse', node: name })
          : fuse(floats, { ...words, name }),
    };
  });
  const tasks = optimized.map(({ task, graph }, number) =>
    storedTask(
      task,
      graph,
      new Map(layers.map(({ constants }, place) => [(constants[number] as Value).name, place])),
    ),
  );
  return { store: { tasks, weights, dither, seed }, notes: notesOn(networks, layers) };
}

/** The options of `fuse`. @throws BitplaneError ERR_ARGUMENT */
function wordsOf({
  method,
  bits = [],
  granularity,
  rounding,
}: FuseNetworksOptions & { readonly method: FusionMethod }): FuseOptions {
  const words = { method, bits, granularity, rounding };
  requireFuseOptions(words, SITE);
  return words;
}

function requireNetworks(networks: readonly Network[], widths: number | undefined): void {
  if (widths === undefined && (!Array.isArray(networks) || networks.length < 2))
    throw expected('ERR_ARGUMENT', 'two networks or more', networks, SITE);
  if (!Array.isArray(networks) || networks.length !== (widths ?? networks.length))
    throw expected(
      'ERR_ARGUMENT',
      `a network for each of ${widths} widths`,
      Array.isArray(networks) ? networks.length : networks,
      SITE,
    );
  const names = new Set<string>();
  for (const network of networks as readonly unknown[]) {
    const [task, graph] = Array.isArray(network) ? network : [];
    if (typeof task !== 'string' || !TASK_NAME.test(task))
      throw expected(
        'ERR_ARGUMENT',
        'names of tasks of at most 64 letters, digits, ., - and _',
        task,
        SITE,
      );
    if (names.has(task)) throw expected('ERR_ARGUMENT', 'tasks whose names differ', task, SITE);
    names.add(task);
    requireGraph(graph);
  }
}

function notesOn(networks: readonly Network[], layers: readonly SharedLayer[]): string[] {
  const notes: string[] = [];
  for (const [b, [name]] of networks.entries())
    for (const [a, [earlier]] of networks.slice(0, b).entries())
      if (layers.every(({ constants }) => isSame(constants[a]?.data, constants[b]?.data)))
        notes.push(`${earlier} and ${name} have the same weights: one network under two names`);
  return notes;
}

function isSame(a: Tensor | undefined, b: Tensor | undefined): boolean {
  return a === b || (a?.data.every((value, i) => Object.is(value, b?.data[i])) ?? false);
}

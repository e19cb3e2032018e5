/**
 * A network with the weights that it would have in a store at some width, the bits below its own
 * masked, without any store: for choosing widths. Not here: choosing.
 */
import { requireOneOf } from '../core/checks.js';
import type { Graph, Value } from '../graph/value.js';
import { constant } from '../ops/make.js';
import { optimize } from '../passes/index.js';
import { rewrite } from '../passes/rewrite.js';
import { blockFloat } from '../quant/formats/block-float.js';
import { sliceMantissa } from '../quant/formats/float-fields.js';
import { FUSION_METHODS, type FusionMethod } from '../quant/formats/fused.js';
import type { Tensor } from '../tensor/tensor.js';
import { sharedLayers } from './architecture.js';
import type { FuseNetworksOptions } from './fuse-networks.js';

/** How the weights of a network are rounded to few bits. */
export interface RoundedNetworkOptions
  extends Pick<FuseNetworksOptions, 'granularity' | 'rounding'> {
  /** How numbers are rounded. */
  readonly method: FusionMethod;
  /** Bits of the mantissa: of `bfp` 1 to 24, of `ieee754` those of 23 that are kept. */
  readonly bits: number;
}

/** The weights of the head and all that is not shared stay. @throws BitplaneError ERR_ARGUMENT */
export function roundedNetwork(graph: Graph, options: RoundedNetworkOptions): Graph {
  const { method, bits, ...spec } = options ?? {};
  requireOneOf(method, FUSION_METHODS, 'method', { op: 'roundedNetwork' });
  const optimized = optimize(graph);
  const layers = sharedLayers([{ task: 'network', graph: optimized }]);
  const shared = new Set(
    layers.filter(({ dtype }) => dtype === 'f32').map(({ constants }) => constants[0] as Value),
  );
  return rewrite(optimized, (value, { original }) => {
    if (!shared.has(original)) return undefined;
    const w = value.data as Tensor<'f32'>;
    const rounded =
      method === 'bfp' ? blockFloat(w, { bits, ...spec }).values : sliceMantissa(w, bits);
    return constant(value.name, rounded);
  });
}

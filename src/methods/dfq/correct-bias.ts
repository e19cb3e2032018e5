/**
 * Bias correction without data: quantized weights W + e give E[y] + e E[x], so e E[x] is taken from
 * the bias. E[x] follows from batch norms. Nagel et al., ICCV 2019, arXiv 1906.04721, section 4.2.
 * Not here: correction by given batches, which is not built; quantizing.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import { distributionsOf, type InputRanges, momentsOf } from '../distributions.js';
import type { Folded } from '../folded.js';
import { changeLayers, inputChannels, layersOf } from '../layers.js';
import type { LeftOut } from './pairs.js';

/** How biases are corrected. */
export interface CorrectOptions {
  /**
   * 'paper': each layer is corrected for itself, because corrected layers before it give what they
   * should. 'release': the change of a layer's bias is also added to the mean that its own batch
   * norm states, before the layers behind it are corrected.
   */
  readonly as?: 'paper' | 'release' | undefined;
  /** Inputs whose mean is known; without them layers that read an input keep their bias. */
  readonly inputs?: InputRanges | undefined;
}

const OPTIONS: OptionNames<CorrectOptions> = { as: true, inputs: true };
const SITE = { op: 'correctBias' };

/** A network after biases were corrected, and by how much. */
export interface Corrected extends Folded {
  /** What was added to the bias of each layer, by its name. */
  readonly corrections: ReadonlyMap<string, Float64Array>;
  /** Layers that were not corrected, and why. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * The float network with the biases that its quantized weights ask for.
 * @param quantized the numbers that stand for a layer's weights, by the name of its product
 * @throws BitplaneError ERR_ARGUMENT for options; ERR_SHAPE for other numbers of weights
 */
export function correctBias(
  folded: Folded,
  quantized: ReadonlyMap<string, ArrayLike<number>>,
  options: CorrectOptions = {},
): Corrected {
  requireOptions(options, OPTIONS, SITE);
  const { as = 'paper', inputs } = options;
  requireOneOf(as, ['paper', 'release'], 'as', SITE);
  const statistics = new Map(folded.statistics);
  const corrections = new Map<string, Float64Array>();
  const leftOut: LeftOut[] = [];
  let known = distributionsOf(folded, inputs);
  for (const layer of layersOf(folded.graph)) {
    const values = quantized.get(layer.name);
    if (values === undefined) continue;
    if (values.length !== layer.weights.size)
      throw expected('ERR_SHAPE', `${layer.weights.size} weights`, values.length, {
        ...SITE,
        node: layer.name,
      });
    const read = known.get(layer.product.inputs[0]!);
    if (read === undefined || (read.isAssumed && inputs === undefined)) {
      leftOut.push({ layer: layer.name, reason: 'no batch norm tells the mean of what it reads' });
      continue;
    }
    const { mean } = momentsOf(read);
    const reads = inputChannels(layer);
    const each = layer.weights.size / layer.bias.length;
    const correction = new Float64Array(layer.bias.length);
    for (const [i, w] of layer.weights.data.entries())
      correction[Math.floor(i / each)]! -= (values[i]! - w) * mean[reads[i]!]!;
    corrections.set(layer.name, correction);
    const own = statistics.get(layer.name);
    if (as === 'release' && own !== undefined) {
      statistics.set(layer.name, { ...own, mean: own.mean.map((m, o) => m + correction[o]!) });
      known = distributionsOf({ graph: folded.graph, statistics }, inputs);
    }
  }
  const biases = new Map(
    layersOf(folded.graph).flatMap(({ name, bias }) => {
      const correction = corrections.get(name);
      return correction === undefined
        ? []
        : [[name, { bias: Float64Array.from(bias, (b, o) => b + correction[o]!) }] as const];
    }),
  );
  return { graph: changeLayers(folded.graph, biases), statistics, corrections, leftOut };
}

/**
 * ReLU6 as what scales with its argument: clip(x, 0, 6) does not, so nothing could be equalized
 * across it. The paper takes ReLU, which costs its MobileNetV2 0.3 % (Nagel et al., ICCV 2019,
 * arXiv 1906.04721, section 5.1.1). A bound for each channel, which equalizing scales with the
 * channel, changes nothing. Not here: any other bound below, which is no ReLU.
 */
import { type Graph, topological, type Value } from '../../graph/value.js';
import { isOp } from '../../ops/index.js';
import { make } from '../../ops/make.js';
import { vector } from '../../passes/constants.js';
import { rewrite } from '../../passes/rewrite.js';

/** A graph whose clips were replaced. */
export interface Replaced {
  /** With ReLUs in their place. */
  readonly graph: Graph;
  /** The names of the clips that are no more. */
  readonly names: readonly string[];
}

/**
 * Arguments are not checked.
 * @param by 'relu', or 'cutoffs': min(relu(x), [6, 6, ...]), one bound a channel
 */
export function replaceRelu6(graph: Graph, by: 'relu' | 'cutoffs' = 'relu'): Replaced {
  const found = topological(graph).filter(isBoundedRelu);
  const replaced = rewrite(graph, (value) => {
    if (!isBoundedRelu(value)) return undefined;
    const [x] = value.inputs as readonly [Value];
    const channels = value.shape.at(-1);
    if (by === 'relu' || typeof channels !== 'number') return make('relu', value.name, [x], {});
    const relu = make('relu', `${value.name}.relu`, [x], {});
    const bounds = new Float32Array(channels).fill(value.attrs.max as number);
    return make('min', value.name, [relu, vector(`${value.name}.bounds`, bounds)], {});
  });
  return { graph: replaced, names: found.map(({ name }) => name) };
}

function isBoundedRelu(value: Value): boolean {
  return isOp(value, 'clip') && value.attrs.min === 0 && value.attrs.max > 0;
}

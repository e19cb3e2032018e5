/**
 * ReLU6 becomes ReLU: clip(x, 0, 6) does not scale with its argument, so nothing could be equalized
 * across it. Nagel et al., ICCV 2019, arXiv 1906.04721, section 5.1.1, where that costs MobileNetV2
 * 0.3 %. Not here: any other bound below, which is no ReLU.
 */
import { type Graph, topological } from '../../graph/value.js';
import { isOp } from '../../ops/index.js';
import { make } from '../../ops/make.js';
import { rewrite } from '../../passes/rewrite.js';

export interface Replaced {
  readonly graph: Graph;
  /** The names of the clips that are ReLUs now. */
  readonly names: readonly string[];
}

export function replaceRelu6(graph: Graph): Replaced {
  const names = topological(graph)
    .filter(isBoundedRelu)
    .map(({ name }) => name);
  const replaced = rewrite(graph, (value) =>
    isBoundedRelu(value) ? make('relu', value.name, [value.inputs[0]!], {}) : undefined,
  );
  return { graph: replaced, names };
}

function isBoundedRelu(value: Parameters<typeof isOp>[0]): boolean {
  return isOp(value, 'clip') && value.attrs.min === 0 && value.attrs.max > 0;
}

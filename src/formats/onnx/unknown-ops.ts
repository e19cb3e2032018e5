/**
 * What is said of a graph with ops that no importer knows: each op once, with how often it occurs
 * and its first node. Not here: which ops are known (./ops/index.ts).
 */
import { BitplaneError, cut, type ErrorSite } from '../../core/errors.js';
import { importerOf } from './ops/index.js';
import type { OnnxGraph, OnnxNode } from './proto.js';

/** @throws BitplaneError ERR_UNSUPPORTED_OP */
export function requireKnownOps(graph: OnnxGraph, site: ErrorSite): void {
  const unknown = new Map<string, { node: OnnxNode; count: number }>();
  for (const node of graph.nodes) {
    if (importerOf(node.domain, node.opType) !== undefined) continue;
    const key = `${node.opType} ${node.domain}`;
    unknown.set(key, { count: 0, node, ...unknown.get(key) });
    (unknown.get(key) as { count: number }).count++;
  }
  if (unknown.size === 0) return;
  const lines = [...unknown.values()].slice(0, 100).map(({ node, count }) => {
    const { name, outputs, opType, domain } = node;
    const label = cut(name === '' ? (outputs.find((one) => one !== '') ?? '') : name, 60);
    const home = domain === '' ? 'ai.onnx' : cut(domain, 60);
    const times = count === 1 ? '' : `${count} times, first `;
    return `${cut(opType, 60)} (${times}"${label}", domain "${home}")`;
  });
  const shown = unknown.size > 100 ? [...lines, `and ${unknown.size - 100} more`] : lines;
  throw new BitplaneError('ERR_UNSUPPORTED_OP', `unknown ops: ${shown.join(', ')}`, site);
}

/**
 * MODEL of a command line: a file, or `zoo:NAME`, a network of the zoo with seeded weights. Not here: what a command does with it.
 */
import { loadModel } from '../formats/model.js';
import type { Graph } from '../graph/value.js';
import type { FileFlags } from './options.js';
import { isZooName } from './zoo-name.js';

/** @throws BitplaneError as loadModel does; ERR_ARGUMENT for a name that the zoo does not have */
export async function openModel(model: string, { multiThresholdAxis }: FileFlags): Promise<Graph> {
  if (!isZooName(model)) return loadModel(model, { multiThresholdAxis });
  const { zooGraph } = await import('../zoo/registry.js');
  return zooGraph(model.slice(model.indexOf(':') + 1));
}

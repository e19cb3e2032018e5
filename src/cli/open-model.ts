/**
 * MODEL of a command line: a file, or `zoo:NAME`, a network of the zoo with seeded weights. Not
 * here: what a command does with it.
 */
import { BitplaneError, continued } from '../core/errors.js';
import { loadModel } from '../formats/model.js';
import type { Graph } from '../graph/value.js';
import { fixShapes } from '../passes/fix-shapes.js';
import type { Io } from './io.js';
import { notHere } from './not-here.js';
import type { FileFlags } from './options.js';
import { isQuiet, whileWaiting } from './waiting.js';
import { isZooName, SEEDED } from './zoo-name.js';

const SAFETENSORS = /\.safetensors(\.gz)?$/i;

/**
 * Says on standard error that weights are random, where they are.
 * @throws BitplaneError as loadModel does; ERR_ARGUMENT for a name that the zoo does not have, or
 * an option that only a QONNX file can follow
 */
export async function openModel(
  model: string,
  {
    multiThresholdAxis,
    shape: shapes,
    task,
    maxNodes,
    json,
  }: Pick<FileFlags, 'multiThresholdAxis' | 'shape' | 'task' | 'maxNodes'> & {
    readonly json?: boolean;
  },
  io: Io,
): Promise<Graph> {
  // A converted model has fixed axes, so the option would have no effect.
  if (multiThresholdAxis !== undefined && (isZooName(model) || SAFETENSORS.test(model)))
    throw notHere('--multi-threshold-axis', `${model} is no QONNX file`);
  if (!isZooName(model)) {
    const load = () => loadModel(model, { multiThresholdAxis, shapes, task, maxNodes });
    return whileWaiting(io, `reading ${model}`, load, isQuiet({ json }, io)).catch((error) => {
      throw explained(error);
    });
  }
  if (maxNodes !== undefined) throw notHere('--max-nodes', `${model} is no file`);
  if (task !== undefined) throw notHere('--task', `${model} is no store`);
  const { zooGraph } = await import('../zoo/registry.js');
  const graph = zooGraph(model.slice(model.indexOf(':') + 1));
  io.stderr.write(`bitplane: ${model}: ${SEEDED}\n`);
  return shapes === undefined ? graph : fixShapes(graph, shapes, { op: '--shape' });
}

/** A limit's error, with the option as the command line has it. */
function explained(error: unknown): unknown {
  const isNodes = error instanceof BitplaneError && /the option maxNodes/.test(error.message);
  return isNodes ? continued(error, ', here --max-nodes N') : error;
}

/**
 * MODEL of a command line: a file, or `zoo:NAME`, a network of the zoo with seeded weights. Not
 * here: what a command does with it.
 */
import { BitplaneError, continued, reworded } from '../core/errors.js';
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
 * @param taskOption what the command calls the option that names a task
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
  taskOption = '--task',
): Promise<Graph> {
  // A converted model has fixed axes, so the option would have no effect.
  if (multiThresholdAxis !== undefined && (isZooName(model) || SAFETENSORS.test(model)))
    throw notHere('--multi-threshold-axis', `${model} is no QONNX file`);
  if (!isZooName(model)) {
    const load = () => loadModel(model, { multiThresholdAxis, shapes, task, maxNodes });
    return whileWaiting(io, `reading ${model}`, load, isQuiet({ json }, io)).catch((error) => {
      throw explained(error, taskOption);
    });
  }
  if (maxNodes !== undefined) throw notHere('--max-nodes', `${model} is no file`);
  if (task !== undefined) throw notHere(taskOption, `${model} is no store`);
  const { zooGraph } = await import('./later.js');
  const graph = zooGraph(model.slice(model.indexOf(':') + 1));
  io.stderr.write(`bitplane: ${model}: ${SEEDED}\n`);
  return shapes === undefined ? graph : fixShapes(graph, shapes, { op: '--shape' });
}

/** An error of an option, with the option as the command line has it. */
function explained(error: unknown, taskOption: string): unknown {
  if (!(error instanceof BitplaneError)) return error;
  if (/the option maxNodes/.test(error.message)) return continued(error, ', here --max-nodes N');
  const task = /^expected task (?=to be one of|for a store)/;
  return reworded(error, (sentence) =>
    task.test(sentence)
      ? sentence.replace(task, `expected ${taskOption} `).replace(/undefined$/, 'none')
      : sentence,
  );
}

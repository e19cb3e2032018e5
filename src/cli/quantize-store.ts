/**
 * `bitplane quantize STORE OUT --task NAME --weights shared`: the store again, of which one task
 * has activations of few bits. Not here: how (src/fusion/quantize-task.ts), what is told of it
 * (./quantize.ts).
 */
import { expected } from '../core/errors.js';
import { openStore } from '../formats/model.js';
import { taskGraph } from '../formats/store/store.js';
import { type QuantizeTaskOptions, quantizeTask } from '../fusion/quantize-task.js';
import { saveStore } from '../fusion/store-file.js';
import type { Quantized } from '../quant/network/quantize-prepared.js';
import type { QuantizeFlags } from './quantize.js';

export interface QuantizedInStore {
  /** The graph of the task, as the new store has it, and its layers. */
  readonly quantized: Quantized;
  readonly notes: readonly string[];
  save(path: string): Promise<void>;
}

/** @throws BitplaneError as quantizeTask does; ERR_FORMAT for a file that is no store */
export async function quantizeInStore(
  from: string,
  { task, activations, ends, observer, percentile }: QuantizeFlags,
  options: Pick<QuantizeTaskOptions, 'calibration' | 'session'>,
): Promise<QuantizedInStore> {
  if (task === undefined)
    throw expected('ERR_ARGUMENT', '--task NAME of a store for --weights shared', task, {
      op: '--task',
    });
  const { store, layers, shortcuts } = await quantizeTask(await openStore(from), task, {
    ...options,
    ...(activations !== undefined && { activations }),
    ...(ends !== undefined && { ends }),
    ...(observer !== undefined && {
      observer: percentile === undefined ? observer : { name: observer, percentile },
    }),
  });
  const quantized = { graph: taskGraph(store, task), layers, shortcuts };
  const notes = ['weights that are float in the table are those of the store, or of the head'];
  return { quantized, notes, save: (path) => saveStore(store, path) };
}

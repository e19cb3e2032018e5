/**
 * Turns the times of instructions into the times of layers. Not here: the clock
 * (native/addon/runs.h).
 */
import type { Label, Program } from './compile.js';
import type { LayerKernel, LayerProfile } from './session-types.js';

const WARM_UP = 3;

/**
 * Medians over `runs` calls of `once`, which gives the nanoseconds of every instruction;
 * instructions of one layer are added up, and its kernel is that of the last one, which writes its
 * result.
 */
export async function profileProgram(
  program: Program,
  runs: number,
  once: () => Promise<Float64Array>,
): Promise<LayerProfile[]> {
  const { kernels } = program.native;
  for (let i = 0; i < WARM_UP; i++) await once();
  const samples: Float64Array[] = [];
  for (let i = 0; i < runs; i++) samples.push(await once());
  const layers = new Map<Label, LayerProfile>();
  program.labels.forEach((label, i) => {
    const us = median(samples.map((sample) => (sample[i] as number) / 1000));
    const known = layers.get(label);
    layers.set(
      label,
      known === undefined
        ? { ...label, kernel: kernels[i] ?? '', us }
        : { ...known, kernel: kernels[i] ?? '', us: known.us + us },
    );
  });
  return [...layers.values()];
}

/** The kernel of every layer: that of its last instruction, which writes its result. */
export function kernelsOf({ native, labels }: Program): LayerKernel[] {
  // The addon makes the list anew whenever it is asked for.
  const { kernels } = native;
  const layers = new Map<Label, LayerKernel>();
  labels.forEach((label, i) => {
    const { name, op } = label;
    layers.set(label, { name, op, kernel: kernels[i] ?? '' });
  });
  return [...layers.values()];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * The NEON inner loops of the binary convolution, flush included, and of the integer convolution,
 * as llvm-mca predicts them: see bench/mca. Needs the cross compiler.
 */
import { inChild } from '../child.js';
import { type Row, Skip, type Workload } from '../report.js';

interface Prediction {
  rows: { cpu: string; loopCycles: number; flushCycles: number; cyclesPer1024: number }[];
}

interface LoopPrediction {
  rows: { name: string; cpu: string; products: number; cycles: number; bound: number }[];
}

const scriptOf = (name: string) => new URL(`../../bench/mca/${name}.mjs`, import.meta.url);

async function predicted<T>(script: string): Promise<T> {
  return inChild<T>(scriptOf(script), [], ['--json']).catch((error: Error) => {
    if (/ENOENT|not found/.test(error.message))
      throw new Skip('aarch64-linux-gnu-g++ or llvm-mca is not on PATH');
    throw error;
  });
}

export const neon: Workload = {
  name: 'neon',
  async rows(): Promise<Row[]> {
    const { rows } = await predicted<Prediction>('neon-bconv');
    const integer = await predicted<LoopPrediction>('neon-qconv');
    const binary = rows.map(({ cpu, cyclesPer1024, loopCycles, flushCycles }) => ({
      what: `NEON inner loop, llvm-mca ${cpu}, per 1024 multiply-accumulates`,
      value: cyclesPer1024,
      unit: 'cycles',
      ...(cpu === 'cortex-a72' ? { goal: { max: 12.5 } } : {}),
      note: `loop ${loopCycles}, flush ${flushCycles}`,
    }));
    const shares = integer.rows.map(({ name, cpu, products, cycles, bound }) => ({
      what: `NEON integer convolution, ${name}, llvm-mca ${cpu}: share of the port bound`,
      value: (100 * bound) / cycles,
      unit: '%',
      goal: { min: 90 },
      note: `${products} multiply-accumulates in ${cycles.toFixed(1)} cycles`,
    }));
    return [...binary, ...shares];
  },
};

/**
 * The NEON inner loop of the binary convolution, flush included, as llvm-mca predicts it: see
 * bench/mca. Needs the cross compiler.
 */
import { inChild } from '../child.js';
import { type Row, Skip, type Workload } from '../report.js';

interface Prediction {
  rows: { cpu: string; loopCycles: number; flushCycles: number; cyclesPer1024: number }[];
}

const SCRIPT = new URL('../../bench/mca/neon-bconv.mjs', import.meta.url);

export const neon: Workload = {
  name: 'neon',
  async rows(): Promise<Row[]> {
    const { rows } = await inChild<Prediction>(SCRIPT, [], ['--json']).catch((error: Error) => {
      if (/ENOENT|not found/.test(error.message))
        throw new Skip('aarch64-linux-gnu-g++ or llvm-mca is not on PATH');
      throw error;
    });
    return rows.map(({ cpu, cyclesPer1024, loopCycles, flushCycles }) => ({
      what: `NEON inner loop, llvm-mca ${cpu}, per 1024 multiply-accumulates`,
      value: cyclesPer1024,
      unit: 'cycles',
      ...(cpu === 'cortex-a72' ? { goal: { max: 12.5 } } : {}),
      note: `loop ${loopCycles}, flush ${flushCycles}`,
    }));
  },
};

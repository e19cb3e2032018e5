/**
 * Resident memory stays flat over many runs and over many sessions, and a model takes no more than
 * twice its file.
 */
import { inChild } from '../child.js';
import type { Row, Workload } from '../report.js';
import type { Memory } from './child.js';
import { loadingRows } from './loading.js';

export const memory: Workload = {
  name: 'memory',
  async rows(): Promise<Row[]> {
    const grown = await inChild<Memory>(new URL('./child.js', import.meta.url), ['--expose-gc']);
    return [
      {
        what: 'resident memory gained over 100,000 runs',
        value: grown.runsMiB,
        unit: 'MiB',
        goal: { max: 5 },
      },
      {
        what: 'resident memory gained over 1,000 create and release cycles',
        value: grown.cyclesMiB,
        unit: 'MiB',
        goal: { max: 5 },
      },
      ...(await loadingRows()),
    ];
  },
};

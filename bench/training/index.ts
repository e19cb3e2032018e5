/**
 * What a training step computes, one file a part of it. Not here: whole steps.
 */
import type { Workload } from '../report.js';
import { convolutions } from './convolutions.js';
import { normalizeRows } from './normalize.js';

export const training: Workload = {
  name: 'training',
  rows: async () => [...(await convolutions()), ...(await normalizeRows())],
};

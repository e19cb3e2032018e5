/**
 * What training computes beside the forward pass.
 */
import type { Workload } from '../report.js';
import { normalizeRows } from './normalize.js';

export const training: Workload = {
  name: 'training',
  rows: normalizeRows,
};

/**
 * Low bits against onnxruntime in one process, one thread each: layers, whole networks, and layers
 * with low-bit weights alone. Every product is proved to run in integers before it is timed.
 */
import type { Row, Workload } from '../report.js';
import { binaryNetworks, binaryResnet20 } from './binary-networks.js';
import { cnv } from './cnv.js';
import { convolutions } from './convolutions.js';
import { denseLayers } from './dense.js';
import { wholeNetworks } from './networks.js';
import { ternary } from './ternary.js';
import { weightOnly } from './weight-only.js';

const PARTS: readonly (() => Promise<Row[]>)[] = [
  convolutions,
  denseLayers,
  wholeNetworks,
  cnv,
  binaryNetworks,
  binaryResnet20,
  weightOnly,
  ternary,
];

export const lowbit: Workload = {
  name: 'lowbit',
  async rows() {
    const rows: Row[] = [];
    for (const part of PARTS) rows.push(...(await part()));
    return rows;
  },
};

/**
 * Float layers and whole networks against onnxruntime in one process, on the same ONNX files.
 */
import { type Row, Skip, type Workload } from '../report.js';
import { layers } from './layers.js';
import { wholeNetworks } from './networks.js';

export const floats: Workload = {
  name: 'floats',
  async rows(): Promise<Row[]> {
    return [...(await layers()), ...(await networks())];
  },
};

/** Without the models the layers count all the same. */
async function networks(): Promise<Row[]> {
  try {
    return await wholeNetworks();
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    console.error(`floats, whole networks: skipped: ${error.message}`);
    return [];
  }
}

/**
 * The size of networks on disk: of a binary one bits for each binary weight, and the whole file
 * beside the same network in float32; of one with weights of 4 bits the file beside its numbers.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModel, zoo } from 'bitplane';
import { chainGraph } from '../chain/bitplane.js';
import { LAYERS } from '../chain/workload.js';
import type { Row, Workload } from '../report.js';

const SHAPE = { channels: 256, size: 14 };

export const disk: Workload = {
  name: 'disk',
  async rows(): Promise<Row[]> {
    const folder = mkdtempSync(join(tmpdir(), 'bitplane-bench-'));
    try {
      const file = join(folder, 'chain.safetensors');
      await saveModel(chainGraph(SHAPE), file);
      const rows = measure(readFileSync(file));
      return [...rows, await fourBits(join(folder, 'cnv.safetensors'))];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function fourBits(path: string): Promise<Row> {
  const network = zoo.cnv({ weights: 4, activations: 4 });
  const state = zoo.exampleState(network);
  await saveModel(network.graph(state), path);
  const bytes = readFileSync(path).length;
  const least = network.parameters
    .map(({ name, role }) => state[name]!.size * (role === 'weight' ? 4 / 8 : 4))
    .reduce((sum, size) => sum + size, 0);
  return {
    what: 'CNV, W4A4: whole file / half a byte a weight and 4 a real parameter',
    value: bytes / least,
    unit: 'x',
    goal: { max: 1.05 },
    note: `${bytes} bytes`,
  };
}

function measure(file: Uint8Array): Row[] {
  const weights = LAYERS * SHAPE.channels * SHAPE.channels * 9;
  const perChannel = LAYERS * SHAPE.channels * 4;
  const bits = packedBytes(file) * 8;
  return [
    {
      what: 'binary weights on disk',
      value: bits / weights,
      unit: 'bit each',
      goal: { max: 1 },
      note: `${weights} weights in ${bits / 8} bytes`,
    },
    {
      what: 'whole file / the same network in float32',
      value: (100 * file.length) / ((weights + perChannel) * 4),
      unit: '%',
      note: `${file.length} bytes`,
    },
  ];
}

/**
 * Bytes of the packed tensors (dtype U8) in a safetensors file: eight bytes of header length, then
 * the header as JSON.
 */
function packedBytes(file: Uint8Array): number {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<
    string,
    { dtype?: string; data_offsets?: [number, number] }
  >;
  return Object.values(header)
    .filter(({ dtype }) => dtype === 'U8')
    .reduce((sum, { data_offsets: [from, to] = [0, 0] }) => sum + to - from, 0);
}

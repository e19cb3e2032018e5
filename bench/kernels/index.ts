/**
 * Binary convolution with its sign-bit epilogue on ResNet-18's four 3x3 shapes, one thread, against bounds measured in the same
 * process: the popcount loop on registers (AVX-512), the 256-bit fp32 multiply-add loop (AVX2).
 */
import { bitplaneCli } from '../child.js';
import { type Row, Skip, type Workload } from '../report.js';

/** A row of `bitplane bench kernels --json`. Rates are multiply-accumulates per second. */
interface KernelRow {
  kernel: string;
  isa: string;
  shape: string;
  rate: number;
  bound: number;
  share: number;
}

export const kernels: Workload = {
  name: 'kernels',
  async rows(): Promise<Row[]> {
    const { kernels: rows } = await bitplaneCli<{ kernels: KernelRow[] }>(['bench', 'kernels']);
    const binary = rows.filter((row) => row.kernel.startsWith('bconv'));
    if (binary.length === 0) throw new Skip('no binary convolution kernel was measured');
    return binary.flatMap(goalRow);
  },
};

function goalRow({ kernel, isa, shape, rate, share }: KernelRow): Row[] {
  const note = `${(rate / 1e9).toFixed(0)} GMAC/s`;
  if (isa === 'avx512')
    return [{ what: `${kernel}, ${shape}: share of the popcount bound`, value: share * 100, unit: '%', goal: { min: 85 }, note }];
  return [{ what: `${kernel}, ${shape}: share of the popcount bound`, value: share * 100, unit: '%', note }];
}

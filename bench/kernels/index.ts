/**
 * Binary convolution with its sign-bit epilogue on ResNet-18's four 3x3 shapes, one thread, against
 * bounds measured in the same process: the popcount loop on registers (AVX-512), the 256-bit fp32
 * multiply-add loop (AVX2).
 */
import { bitplaneCli } from '../child.js';
import { type Row, Skip, type Workload } from '../report.js';

/** A row of `bitplane bench kernels --json`. Rates are multiply-accumulates per second. */
interface KernelRow {
  kernel: string;
  isa: string;
  shape: string;
  rate: number;
  unit: string;
  share: number;
  timesFma256?: number;
}

export const kernels: Workload = {
  name: 'kernels',
  async rows(): Promise<Row[]> {
    const { kernels: measured } = await bitplaneCli<{ kernels: KernelRow[] }>(['bench', 'kernels']);
    const binary = measured.filter(({ kernel }) => kernel.startsWith('bconv'));
    if (binary.length === 0) throw new Skip('no binary convolution kernel was measured');
    return binary.map(toRow);
  },
};

function toRow({ kernel, isa, shape, rate, share, timesFma256 }: KernelRow): Row {
  const note = `${(rate / 1e9).toFixed(0)} GMAC/s`;
  if (isa === 'avx2' && timesFma256 !== undefined) {
    return {
      what: `${kernel}, ${shape}: times the 256-bit fp32 FMA rate`,
      value: timesFma256,
      unit: 'x',
      goal: { min: 8 },
      note,
    };
  }
  const row = {
    what: `${kernel}, ${shape}: share of the popcount bound`,
    value: share * 100,
    unit: '%',
    note,
  };
  return isa === 'avx512' ? { ...row, goal: { min: 85 } } : row;
}

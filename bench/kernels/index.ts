/**
 * Binary convolution with its sign-bit epilogue and integer convolution on ResNet-18's four 3x3
 * shapes, one thread, against bounds measured in the same process: the popcount loop on registers
 * (AVX-512), the 256-bit fp32 multiply-add loop (AVX2), the products of integers on registers.
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
    const integer = measured.filter(
      ({ kernel, shape }) => kernel.startsWith('qconv') && shape.startsWith('3x3'),
    );
    return [...binary.map(toRow), ...integer.map(toIntegerRow)];
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

/**
 * Goals: 88 % of the bound of 8-bit products with AVX-512, 70 % with AVX2. Of four bits too where
 * the same instruction, of VNNI, multiplies them.
 */
function toIntegerRow({ kernel, isa, shape, rate, share }: KernelRow): Row {
  // Sums that are looked up are no products: they pass the bound of those.
  if (kernel.endsWith('lookup'))
    return {
      what: `${kernel}, ${shape}: times the bound of products`,
      value: share,
      unit: 'x',
      note: `${(rate / 1e9).toFixed(0)} GMAC/s`,
    };
  const least = { avx512: 88, avx2: 70 }[isa];
  const hasGoal =
    shape.endsWith('W8A8') ||
    (isa === 'avx512' && kernel.endsWith('vnni') && / W4A[48]$/.test(shape));
  return {
    what: `${kernel}, ${shape}: share of the bound`,
    value: share * 100,
    unit: '%',
    ...(least !== undefined && hasGoal ? { goal: { min: least } } : {}),
    note: `${(rate / 1e9).toFixed(0)} GMAC/s`,
  };
}

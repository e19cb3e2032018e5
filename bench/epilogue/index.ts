/**
 * A residual block's epilogue that no loop was written for as a whole, against its listed neighbour
 * (native/kernels/epilogue/straight_lines.inc), an element: how much a new combination of steps
 * costs.
 */
import { bitplaneCli } from '../child.js';
import { type Row, Skip, type Workload } from '../report.js';

interface KernelRow {
  kernel: string;
  isa: string;
  shape: string;
  /** Bytes of maps per second. */
  rate: number;
}

export const epilogue: Workload = {
  name: 'epilogue',
  async rows(): Promise<Row[]> {
    const { kernels } = await bitplaneCli<{ kernels: KernelRow[] }>(['bench', 'kernels']);
    const listed = kernels.filter(({ shape }) => shape.startsWith('listed residual'));
    const rows = listed.flatMap((one) => {
      const other = kernels.find(({ isa, shape }) => isa === one.isa && shape === `un${one.shape}`);
      // The scalar build interprets what is not listed.
      return other === undefined || one.isa === 'scalar' ? [] : [row(one, other)];
    });
    if (rows.length === 0) throw new Skip('no instruction set but the scalar one');
    return rows;
  },
};

function row(listed: KernelRow, unlisted: KernelRow): Row {
  return {
    what: `${listed.kernel}: an unlisted residual epilogue / a listed one`,
    value: listed.rate / unlisted.rate,
    unit: 'x',
    goal: { max: 1.15 },
    note: `${(unlisted.rate / 1e9).toFixed(1)} and ${(listed.rate / 1e9).toFixed(1)} GB/s`,
  };
}

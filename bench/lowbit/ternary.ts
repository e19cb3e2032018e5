/**
 * A large product of ternary weights and 8-bit activations against the fp32 multiply-add rate of
 * this machine, which `bitplane bench kernels` measures on registers with its widest vectors.
 */
import { GraphBuilder, Tensor } from 'bitplane';
import { SEED } from '../chain/workload.js';
import { bitplaneCli } from '../child.js';
import { race } from '../measure.js';
import { drawn, random } from '../random.js';
import type { Row } from '../report.js';
import { integerRunner } from './integer-runner.js';

const SIZE = 2048;

export async function ternary(): Promise<Row[]> {
  const g = new GraphBuilder();
  const next = random(SEED);
  const length = SIZE * SIZE;
  const shape = [SIZE, SIZE];
  const x = g.input('x', 'u8', shape);
  const codes = drawn(new Int8Array(length), () => Math.floor(next() * 3) - 1);
  const graph = g.graph([x], { y: g.dense(x, g.constant(new Tensor('i2', codes, shape))) });
  const feed = new Tensor(
    'u8',
    drawn(new Uint8Array(length), () => next() * 256),
    shape,
  );
  const { isa, kernels, run, release } = await integerRunner(graph, { x: feed }, { products: 1 });
  const fma = await fmaRate(isa);
  const { product } = await race({ product: run }, 6, 8);
  await release();
  const rate = (SIZE ** 3 / product) * 1e6;
  const giga = (value: number) => (value / 1e9).toFixed(0);
  return [
    {
      what: `ternary x int8, ${SIZE} x ${SIZE} x ${SIZE}: times the fp32 FMA rate`,
      value: rate / fma,
      unit: 'x',
      goal: { min: 3 },
      note: `${giga(rate)} of ${giga(fma)} GMAC/s, ${kernels.join(', ')}`,
    },
  ];
}

/** Multiply-adds per second of an instruction set on one thread: the bound of float kernels. */
async function fmaRate(isa: string): Promise<number> {
  const { kernels } = await bitplaneCli<{
    kernels: readonly { readonly kernel: string; readonly bound: number }[];
  }>(['bench', 'kernels', '--isa', isa, '--repeat', '1']);
  const float = kernels.find(({ kernel }) => kernel.startsWith('conv_'));
  if (float === undefined) throw new Error('expected a float convolution among the kernels');
  return float.bound;
}

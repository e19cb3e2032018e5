/**
 * 3x3 convolutions of a training step on one thread, forward and both gradients, as shares of the
 * bound: fp32 multiply-adds on registers, measured in a process beside. Weights are states, so that
 * packing them counts. ResNet-18's four shapes with a batch of 16, which have a goal, and
 * ResNet-20's three with a batch of 128.
 */
import { type Feeds, type Graph, GraphBuilder, Session, Tensor } from 'bitplane';
import { type ChainShape, SEED, SHAPES } from '../chain/workload.js';
import { bitplaneCli } from '../child.js';
import { drawn, random } from '../random.js';
import type { Row } from '../report.js';

const RESNET20: readonly ChainShape[] = [
  { channels: 16, size: 32 },
  { channels: 32, size: 16 },
  { channels: 64, size: 8 },
];
const LEAST_SHARE = 80;
/** Turns of the shapes; the best of each product counts. */
const ROUNDS = 12;

/** One product of a layer, ready to run. */
interface Product {
  readonly title: string;
  readonly macs: number;
  readonly hasGoal: boolean;
  /** Microseconds of one run, instructions alone. */
  us(): Promise<number>;
  release(): Promise<void>;
}

export async function convolutions(): Promise<Row[]> {
  const shapes = [
    ...SHAPES.map((shape) => ({ shape, batch: 16, hasGoal: true })),
    ...RESNET20.map((shape) => ({ shape, batch: 128, hasGoal: false })),
  ];
  let bound = await multiplyAdds();
  const rows: (Product & { readonly best: number })[] = [];
  for (const { shape, batch, hasGoal } of shapes) {
    const products = productsOf(shape, batch, hasGoal);
    const best = products.map(() => Number.POSITIVE_INFINITY);
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, product] of products.entries())
        best[i] = Math.min(best[i] as number, await product.us());
    for (const [i, product] of products.entries()) {
      rows.push({ ...product, best: best[i] as number });
      await product.release();
    }
  }
  bound = Math.max(bound, await multiplyAdds());
  return rows.map(({ title, macs, hasGoal, best }) => ({
    what: `${title}: share of the multiply-add bound`,
    value: (100 * macs) / (best * 1e-6) / bound,
    unit: '%',
    ...(hasGoal && { goal: { min: LEAST_SHARE } }),
    note: `${(best / 1000).toFixed(2)} ms, ${(macs / best / 1000).toFixed(1)} GMAC/s`,
  }));
}

/** A row of `bitplane bench kernels --json`: a kernel and the bound that it is measured against. */
interface KernelRow {
  readonly kernel: string;
  readonly bound: number;
}

/** fp32 multiply-adds a second of the best instruction set of this machine. */
async function multiplyAdds(): Promise<number> {
  const { kernels } = await bitplaneCli<{ kernels: KernelRow[] }>([
    ...['bench', 'kernels', '--repeat', '1'],
  ]);
  const bounds = kernels.filter(({ kernel }) => kernel.startsWith('conv_f32'));
  return bounds.reduce((most, { bound }) => Math.max(most, bound), 0);
}

function productsOf(shape: ChainShape, batch: number, hasGoal: boolean): Product[] {
  const { channels, size } = shape;
  const next = random(SEED);
  const floats = (dims: number[]) => {
    const count = dims.reduce((a, b) => a * b, 1);
    return new Tensor(
      'f32',
      drawn(new Float32Array(count), () => next() - 0.5),
      dims,
    );
  };
  const map = [batch, size, size, channels];
  const pads = [1, 1, 1, 1] as const;
  const product = <G extends Graph>(name: string, graph: G, feeds: Feeds<G>): Product => {
    const session = Session.fromGraph(graph, { threads: 1 });
    return {
      title: `${name}, ${channels} channels at ${size}x${size}, batch ${batch}`,
      macs: batch * size * size * channels * channels * 9,
      hasGoal: hasGoal && name !== 'forward',
      us: async () => {
        const layers = await session.profile(1, feeds);
        return layers.reduce((sum, { us }) => sum + us, 0);
      },
      release: () => session.release(),
    };
  };
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', map);
  const dy = g.input('dy', 'f32', map);
  const w = g.state(floats([channels, 3, 3, channels]));
  const y = g.conv2d(x, w, { pads });
  const dx = g.conv2dInputGradient(dy, w, { pads, height: size, width: size });
  const dw = g.conv2dWeightGradient(dy, x, { pads, kernel: [3, 3] });
  return [
    product('forward', g.graph([x], { y }), { x: floats(map) }),
    product('input gradient', g.graph([dy], { dx }), { dy: floats(map) }),
    product('weight gradient', g.graph([dy, x], { dw }), { dy: floats(map), x: floats(map) }),
  ];
}

/**
 * The chain in bitplane: sign, then eight times binary convolution, batch norm, sign. Takes floats, gives bits.
 */
import { type Graph, GraphBuilder, Session, Tensor } from 'bitplane';
import { random } from '../random.js';
import { type ChainShape, LAYERS, type Runner, SEED } from './workload.js';

export async function bitplaneChain(shape: ChainShape, threads: number): Promise<Runner> {
  const session = await Session.fromGraph(chainGraph(shape), { threads });
  const next = random(SEED);
  const x = Float32Array.from({ length: shape.channels * shape.size * shape.size }, () => next() - 0.5);
  return { run: () => session.run({ x }), release: async () => session.release() };
}

export function chainGraph({ channels, size }: ChainShape): Graph {
  const g = new GraphBuilder();
  const next = random(SEED);
  const floats = (make: () => number) => g.constant(new Tensor('f32', Float32Array.from({ length: channels }, make), [channels]));
  const x = g.input('x', 'f32', [1, size, size, channels]);
  let bits = g.sign(x);
  for (let layer = 0; layer < LAYERS; layer++) {
    const weights = Uint8Array.from({ length: (channels * channels * 9) / 8 }, () => next() * 256);
    const w = g.constant(new Tensor('b1', weights, [channels, 3, 3, channels]));
    const dot = g.conv2d(bits, w, { pads: [1, 1, 1, 1] });
    const normal = g.batchNorm(
      g.cast(dot, 'f32'),
      floats(() => next() - 0.3),
      floats(() => next() - 0.5),
      floats(() => next() * 40 - 20),
      floats(() => next() * 100 + 1),
      { epsilon: 1e-5 },
    );
    bits = g.sign(normal);
  }
  return g.graph([x], { y: bits });
}

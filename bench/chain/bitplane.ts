/**
 * The chain in bitplane: eight times binary convolution, batch norm, sign. It takes bits and gives
 * bits, as the integer competitor takes and gives bytes.
 */
import { type Graph, GraphBuilder, Session, Tensor, type Value } from 'bitplane';
import { random } from '../random.js';
import { type ChainShape, LAYERS, type Runner, SEED } from './workload.js';

export async function bitplaneChain(shape: ChainShape, threads: number): Promise<Runner> {
  const session = await Session.fromGraph(chainGraph(shape), { threads });
  const next = random(SEED);
  const bits = Uint8Array.from(
    { length: (shape.channels * shape.size * shape.size) / 8 },
    () => next() * 256,
  );
  const x = new Tensor('b1', bits, [1, shape.size, shape.size, shape.channels]);
  return { run: () => session.run({ x }), release: () => session.release() };
}

export function chainGraph({ channels, size }: ChainShape): Graph {
  const g = new GraphBuilder();
  const next = random(SEED);
  const floats = (make: () => number) =>
    g.constant(new Tensor('f32', Float32Array.from({ length: channels }, make), [channels]));
  const x = g.input('x', 'b1', [1, size, size, channels]);
  let bits: Value<'b1'> = x;
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

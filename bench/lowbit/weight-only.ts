/**
 * Dense layers whose weights alone have few bits, one row, int8 activations: eight 1024 x 1024 in
 * one graph against onnxruntime's MatMulNBits of 4 bits. Both take and give floats.
 */
import { GraphBuilder, Session, Tensor } from 'bitplane';
import { LAYERS, type Runner, SEED } from '../chain/workload.js';
import { raceAll } from '../measure.js';
import { random } from '../random.js';
import type { Row } from '../report.js';
import { integerKernels } from './integer-runner.js';
import { type Pair, pairTitle, randomWeights, requantize } from './layers.js';
import { onnxruntimeNBits } from './onnxruntime-nbits.js';

const SIZE = 1024;
const AIMS: readonly (Pair & { readonly min: number })[] = [
  { weights: 4, activations: 8, min: 1 },
  { weights: 2, activations: 8, min: 1.5 },
  { weights: 1, activations: 8, min: 2 },
];

export async function weightOnly(): Promise<Row[]> {
  const nbits = await onnxruntimeNBits(SIZE);
  const chains: (Runner & { readonly kernels: string })[] = [];
  for (const aim of AIMS) chains.push(await denseChain(aim));
  const jobs = [nbits, ...chains].map(({ run }) => run);
  const [theirs, ...ours] = (await raceAll(jobs, 40, 4)) as [number, ...number[]];
  for (const { release } of [nbits, ...chains]) await release();
  return AIMS.map((aim, i) => {
    const time = ours[i] as number;
    return {
      what:
        `weight-only ${pairTitle(aim)}, dense ${SIZE} to ${SIZE}, one row: ` +
        'onnxruntime MatMulNBits of 4 bits / bitplane',
      value: theirs / time,
      unit: 'x',
      goal: { min: aim.min },
      note:
        `${(time / LAYERS).toFixed(1)} us a layer, ${chains[i]?.kernels}; ` +
        `onnxruntime ${(theirs / LAYERS).toFixed(1)} us`,
    };
  });
}

/** @throws Error where the weights are not kept in as many bits as they have */
async function denseChain(pair: Pair): Promise<Runner & { readonly kernels: string }> {
  const g = new GraphBuilder();
  const next = random(SEED);
  const x = g.input('x', 'f32', [1, SIZE]);
  let codes = g.cast(g.clip(g.round(g.mul(x, 255)), 0, 255), 'u8');
  let y = g.cast(codes, 'f32');
  for (let layer = 0; layer < LAYERS; layer++) {
    const sums = g.dense(codes, g.constant(randomWeights(pair, [SIZE, SIZE], next)));
    if (layer === LAYERS - 1) y = g.mul(g.cast(sums, 'f32'), 1 / 255);
    else codes = requantize(g, pair, sums, SIZE, next) as typeof codes;
  }
  const session = Session.fromGraph(g.graph([x], { y }), { threads: 1 });
  const feeds = { x: new Tensor('f32', Float32Array.from({ length: SIZE }, next), [1, SIZE]) };
  const kernels = integerKernels(await session.profile(1, feeds), LAYERS);
  const least = (LAYERS * SIZE * SIZE * pair.weights) / 8;
  const { packedBytes } = session.info;
  // Beside its weights a layer has a start value, a scale and a bias for each output.
  if (packedBytes > 1.05 * least + LAYERS * SIZE * 3 * 4)
    throw new Error(`expected ${least} bytes of weights but received ${packedBytes}`);
  return {
    kernels: kernels.join(', '),
    run: () => session.run(feeds),
    release: () => session.release(),
  };
}

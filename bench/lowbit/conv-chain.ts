/**
 * The chain of eight 3x3 convolutions in low bits: integers in, integers between the layers,
 * integers out. Its competitor is that of the binary chain (../chain/onnxruntime-int8.ts).
 */
import { GraphBuilder, type Isa, type Value } from 'bitplane';
import { type ChainShape, LAYERS, SEED } from '../chain/workload.js';
import { random } from '../random.js';
import { type IntegerRunner, integerRunner } from './integer-runner.js';
import {
  type Codes,
  codesOf,
  type Pair,
  randomActivations,
  randomWeights,
  requantize,
} from './layers.js';

export function lowBitChain(pair: Pair, shape: ChainShape, isa?: Isa): Promise<IntegerRunner> {
  const { channels, size, groups = 1 } = shape;
  const g = new GraphBuilder();
  const next = random(SEED);
  const x = g.input('x', codesOf(pair), [1, size, size, channels]);
  let map: Value<Codes> = x;
  const depth = channels / groups;
  for (let layer = 0; layer < LAYERS; layer++) {
    const w = g.constant(randomWeights(pair, [channels, 3, 3, depth], next));
    const sums = g.conv2d(map, w, { pads: [1, 1, 1, 1], groups });
    map = requantize(g, pair, sums, 9 * depth, next);
  }
  const feeds = { x: randomActivations(pair, [1, size, size, channels], next) };
  const options = { products: LAYERS, ...(isa && { isa }) };
  return integerRunner(g.graph([x], { y: map }), feeds, options);
}

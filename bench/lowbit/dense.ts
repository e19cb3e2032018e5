/**
 * Dense layers of one row in low bits against onnxruntime's int8, eight side by side in one graph,
 * so that the cost of a call is shared. Reported without goals.
 */
import { GraphBuilder } from 'bitplane';
import { LAYERS, SEED } from '../chain/workload.js';
import { raceAll } from '../measure.js';
import { random } from '../random.js';
import type { Row } from '../report.js';
import { AIMS } from './aims.js';
import { type IntegerRunner, integerRunner } from './integer-runner.js';
import {
  codesOf,
  type Pair,
  pairTitle,
  randomActivations,
  randomWeights,
  requantize,
} from './layers.js';
import { onnxruntimeDense } from './onnxruntime-dense.js';

export interface DenseShape {
  readonly inputs: number;
  readonly outputs: number;
}

const SHAPES: readonly DenseShape[] = [
  { inputs: 1024, outputs: 1024 },
  { inputs: 512, outputs: 1000 },
];

export async function denseLayers(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const shape of SHAPES) {
    const int8 = await onnxruntimeDense(shape);
    const runners: IntegerRunner[] = [];
    for (const aim of AIMS) runners.push(await sideBySide(aim, shape));
    const jobs = [int8, ...runners].map(({ run }) => run);
    const [theirs, ...ours] = (await raceAll(jobs, 20, 4)) as [number, ...number[]];
    for (const { release } of [int8, ...runners]) await release();
    for (const [i, aim] of AIMS.entries()) {
      const { isa, kernels } = runners[i] as IntegerRunner;
      const time = ours[i] as number;
      rows.push({
        what:
          `${pairTitle(aim)}, ${isa}, dense ${shape.inputs} to ${shape.outputs}, one row: ` +
          'onnxruntime int8 / bitplane',
        value: theirs / time,
        unit: 'x',
        note:
          `${(time / LAYERS).toFixed(1)} us a layer, ${kernels.join(', ')}; ` +
          `onnxruntime ${(theirs / LAYERS).toFixed(1)} us`,
      });
    }
  }
  return rows;
}

function sideBySide(pair: Pair, { inputs, outputs }: DenseShape): Promise<IntegerRunner> {
  const g = new GraphBuilder();
  const next = random(SEED);
  const x = g.input('x', codesOf(pair), [1, inputs]);
  const parts = Array.from({ length: LAYERS }, () => {
    const w = g.constant(randomWeights(pair, [outputs, inputs], next));
    return requantize(g, pair, g.dense(x, w), inputs, next);
  });
  const graph = g.graph([x], { y: g.concat(parts, 1) });
  return integerRunner(
    graph,
    { x: randomActivations(pair, [1, inputs], next) },
    {
      products: LAYERS,
    },
  );
}

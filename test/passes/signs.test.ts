/**
 * Every channel of every batch norm behind an integer accumulation of the published networks, at
 * every integer that the accumulation can reach: the float32 result, and the threshold where there
 * is one, have the sign of exact arithmetic (./exact.ts). And the results are no further from the
 * exact ones than torch's. Signs without a batch norm are those of one subtraction or comparison,
 * which no rounding changes. Needs BITPLANE_DATA to hold models/; skipped loudly without it. Not
 * here: outputs (../models/published.test.ts).
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { atOnce } from '../../src/core/turns.js';
import { loadModel } from '../../src/formats/model.js';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { memberCount } from '../../src/ops/value-range.js';
import { binarizeRules } from '../../src/passes/binarize.js';
import { bisect, chainOf, Evaluations, run } from '../../src/passes/chain.js';
import { evaluate } from '../../src/passes/evaluate.js';
import { foldRules } from '../../src/passes/fold.js';
import { composeRepeats, dropIdentities } from '../../src/passes/identities.js';
import { optimize } from '../../src/passes/index.js';
import { layout } from '../../src/passes/layout.js';
import { absorbPad, lowerMatmul } from '../../src/passes/lower.js';
import { firstOf, fixpoint, type Rule } from '../../src/passes/rewrite.js';
import { valueRange } from '../../src/passes/value-range.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { type Channel, exactSign } from './exact.js';

const folder = join(process.env.BITPLANE_DATA ?? '', 'models');
const absent = process.env.BITPLANE_DATA === undefined || !existsSync(folder);
if (absent)
  console.warn(
    'SKIPPED, BITPLANE_DATA is not set or holds no models/: signs of the published networks',
  );
const models = absent ? [] : readdirSync(folder).filter((name) => /\.onnx(\.gz)?$/.test(name));

/** The graph as `optimize` prepares it, its batch norms not yet arithmetic. */
function prepared(graph: Graph): Graph {
  const simplify = firstOf(foldRules, dropIdentities, composeRepeats);
  const repeat = (current: Graph, ...rules: Rule[]) =>
    atOnce(fixpoint(current, firstOf(simplify, ...rules)));
  return repeat(
    layout(repeat(graph, lowerMatmul)),
    absorbPad,
    binarizeRules('exact', new Evaluations(graph)),
  );
}

/**
 * The numbers that a value can be, in order; undefined where they are not known to be finitely
 * many.
 */
function numbersOf(value: Value): Float64Array | undefined {
  const grid = valueRange(value);
  const count = grid === undefined ? Number.POSITIVE_INFINITY : memberCount(grid);
  if (grid === undefined || !Number.isFinite(count)) return undefined;
  return Float64Array.from({ length: count }, (_, i) => grid.lo + i * grid.step);
}

interface Norm {
  readonly node: Value;
  readonly numbers: Float64Array;
  readonly channels: readonly Channel[];
}

/** The batch norms behind integer accumulations, their sums and maxima. */
function normsOf(graph: Graph): Norm[] {
  return topological(graph).flatMap((node) => {
    const numbers = node.op === 'batchNorm' ? numbersOf(node.inputs[0] as Value) : undefined;
    if (numbers === undefined) return [];
    const [gamma, beta, mean, variance] = node.inputs
      .slice(1)
      .map((input) => input.data!.data as Float32Array);
    const epsilon = node.attrs.epsilon as number;
    const channels = Array.from(gamma!, (factor, c) => ({
      gamma: factor,
      beta: beta![c]!,
      mean: mean![c]!,
      variance: variance![c]!,
      epsilon,
    }));
    return [{ node, numbers, channels }];
  });
}

/**
 * For each number whether the exact result is negative. The exact function is monotone, so the
 * first number behind the change is found by bisection; every step of it is decided without
 * rounding.
 */
function negatives(numbers: Float64Array, channel: Channel): Uint8Array {
  const isNegative = (i: number) => exactSign(numbers[i]!, channel) < 0;
  const falls = channel.gamma < 0;
  const change = bisect(numbers.length, (i) => isNegative(i) === falls);
  return Uint8Array.from(numbers, (_, i) => Number(i < change ? !falls : falls));
}

/** The float32 results: number i, channel c is element i * channels + c. */
function resultsOf({ node, numbers, channels }: Norm): ArrayLike<number> {
  const count = channels.length;
  const x = new Tensor(
    'f32',
    Float32Array.from(
      { length: numbers.length * count },
      (_, i) => numbers[Math.floor(i / count)]!,
    ),
    [numbers.length, count],
  );
  const parameters = node.inputs.slice(1).map((input) => input.data as Tensor);
  return evaluate('batchNorm', [x, ...parameters], node.attrs, { dtype: 'f32', shape: x.shape })
    .data;
}

/** The channels in which the float32 results have another sign than the exact ones somewhere. */
function differing({ numbers, channels }: Norm, data: ArrayLike<number>): number[] {
  const count = channels.length;
  return [...channels.keys()].filter((c) => {
    const exact = negatives(numbers, channels[c]!);
    return exact.some((negative, i) => negative !== Number((data[i * count + c] as number) < 0));
  });
}

/**
 * Sums of the errors of float32 results, relative to 1 or to what is larger, ours and torch's.
 * torch computes x * alpha + (beta - mean * alpha), alpha = gamma * (1 / sqrt(variance + epsilon)),
 * all in float32; its vector loops fuse the multiplication with the addition.
 */
function errorsOf(
  { numbers, channels }: Norm,
  data: ArrayLike<number>,
): { ours: number; torch: number } {
  const f = Math.fround;
  let [ours, torch] = [0, 0];
  channels.forEach(({ gamma, beta, mean, variance, epsilon }, c) => {
    const scale = gamma / Math.sqrt(variance + epsilon);
    const alpha = f(f(1 / f(Math.sqrt(f(variance + f(epsilon))))) * gamma);
    const shift = f(beta - f(mean * alpha));
    numbers.forEach((x, i) => {
      const exact = (x - mean) * scale + beta;
      const unit = Math.max(1, Math.abs(exact));
      ours += Math.abs((data[i * channels.length + c] as number) - exact) / unit;
      torch += Math.abs(f(x * alpha + shift) - exact) / unit;
    });
  });
  return { ours, torch };
}

/**
 * The thresholds that signs of a batch norm became, and the channels in which one is wrong
 * somewhere.
 */
function thresholdsOf(
  graph: Graph,
  before: Graph,
  norms: readonly Norm[],
): { checked: number; wrong: string[] } {
  const thresholds = new Map(topological(optimize(graph)).map((value) => [value.name, value]));
  let checked = 0;
  const wrong: string[] = [];
  for (const { node, channels } of norms) {
    const { source, steps } = chainOf(node.inputs[0] as Value, (value) => value.op === 'cast');
    const threshold = thresholds.get(signOf(before, node.name) ?? '');
    if (threshold?.op !== 'threshold' || source.op !== 'cast') continue;
    const sums = numbersOf(source)!;
    const [t, flip] = threshold.inputs.slice(1).map((input) => input.data!.data as Int32Array);
    channels.forEach((channel, c) => {
      const exact = negatives(
        sums.map((sum) => run(steps, sum, c)),
        channel,
      );
      const bits = sums.map((sum) => Number(sum < t![c]!) ^ flip![c]!);
      checked++;
      if (exact.some((negative, i) => negative !== bits[i])) wrong.push(`${threshold.name}[${c}]`);
    });
  }
  return { checked, wrong };
}

/** The name of the sign that is taken of the value of this name. */
function signOf(graph: Graph, name: string): string | undefined {
  return topological(graph).find((value) => value.op === 'sign' && value.inputs[0]!.name === name)
    ?.name;
}

/**
 * Models with batch norms behind integers: how many channels, and of how many the sign is a
 * threshold.
 */
const EXPECTED: Readonly<Record<string, readonly [channels: number, thresholds: number]>> = {
  'bmxnet-resnet18-cifar10': [3840, 0], // it pads before it takes the sign
  'cnv-w1a1-std': [1856, 0], // ONNX Sign, 0 for 0: two bit planes, no threshold
  'cnv-w1a1': [1920, 1920],
  'resnet18-w1a1-imagenet': [3584, 1792],
  'tfc-w1a1': [192, 192],
  'tfc-w2a2': [192, 0], // levels of 2 bits, no signs
};

describe.skipIf(absent)(
  `signs of the published networks${absent ? ' (skipped: BITPLANE_DATA holds no models/)' : ''}`,
  () => {
    test.each(models)(
      '%s: no channel has another sign than exact arithmetic at a reachable integer',
      { timeout: 300_000 },
      async (model) => {
        const graph = await loadModel(join(folder, model));
        const before = prepared(graph);
        const norms = normsOf(before);
        for (const norm of norms) {
          const results = resultsOf(norm);
          expect(differing(norm, results), norm.node.name).toEqual([]);
          const { ours, torch } = errorsOf(norm, results);
          expect(ours, `${norm.node.name}: errors beside torch's`).toBeLessThanOrEqual(torch);
        }
        const { checked, wrong } = thresholdsOf(graph, before, norms);
        expect(wrong).toEqual([]);
        const channels = norms.reduce((sum, norm) => sum + norm.channels.length, 0);
        expect([channels, checked]).toEqual(
          EXPECTED[model.replace(/\.onnx(\.gz)?$/, '')] ?? [0, 0],
        );
      },
    );
  },
);

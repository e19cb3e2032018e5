/**
 * Convolutions in low bits against onnxruntime's int8 on the same shapes, one thread each: each
 * shape, and the geometric mean of ResNet-18's four. Goals hold for AVX-512; on such a machine the
 * chains run with AVX2 forced too. A depthwise layer is reported.
 */
import type { Isa } from 'bitplane';
import { onnxruntimeInt8Chain } from '../chain/onnxruntime-int8.js';
import { type ChainShape, macs, SHAPES, title } from '../chain/workload.js';
import { raceAll } from '../measure.js';
import type { Row } from '../report.js';
import { AIMS, type Aim } from './aims.js';
import { lowBitChain } from './conv-chain.js';
import type { IntegerRunner } from './integer-runner.js';
import { pairTitle } from './layers.js';

const DEPTHWISE: ChainShape = { channels: 256, size: 14, groups: 256 };
const ROUNDS = 20;
const MS = 8;

/** One pair at one shape with one instruction set. */
interface Result {
  readonly aim: Aim;
  readonly isa: string;
  /** True where the instruction set is not the best that the machine has. */
  readonly forced: boolean;
  readonly shape: ChainShape;
  /** onnxruntime's time / ours. */
  readonly ratio: number;
  readonly note: string;
}

export async function convolutions(): Promise<Row[]> {
  const results: Result[] = [];
  for (const shape of SHAPES) results.push(...(await measure(shape)));
  const depthwise = await measure(DEPTHWISE);
  return AIMS.flatMap((aim) =>
    [false, true].flatMap((forced) => {
      const isOurs = (result: Result) => result.aim === aim && result.forced === forced;
      const own = results.filter(isOurs);
      if (own.length === 0) return [];
      return [...own.map(shapeRow), meanRow(own), ...depthwise.filter(isOurs).map(shapeRow)];
    }),
  );
}

async function measure(shape: ChainShape): Promise<Result[]> {
  const int8 = await onnxruntimeInt8Chain(shape, 1);
  const own = await chains(shape, undefined);
  const forced = own[0]?.isa === 'avx512' ? await chains(shape, 'avx2') : [];
  const runners = [...own, ...forced];
  const jobs = [int8, ...runners].map(({ run }) => run);
  const [theirs, ...ours] = (await raceAll(jobs, ROUNDS, MS)) as [number, ...number[]];
  for (const { release } of [int8, ...runners]) await release();
  return runners.map(({ aim, isa, kernels }, i) => {
    const time = ours[i] as number;
    const rate = macs(shape) / time / 1000;
    return {
      aim,
      isa,
      forced: i >= own.length,
      shape,
      ratio: theirs / time,
      note:
        `${time.toFixed(0)} us, ${rate.toFixed(0)} GMAC/s, ${kernels.join(', ')}; ` +
        `onnxruntime ${theirs.toFixed(0)} us`,
    };
  });
}

/** A chain a pair. */
async function chains(
  shape: ChainShape,
  isa: Isa | undefined,
): Promise<(IntegerRunner & { readonly aim: Aim })[]> {
  const made = [];
  for (const aim of AIMS) made.push({ ...(await lowBitChain(aim, shape, isa)), aim });
  return made;
}

function shapeRow({ aim, isa, forced, shape, ratio, note }: Result): Row {
  const hasGoal = isa === 'avx512' && !forced && shape !== DEPTHWISE && aim.each !== undefined;
  return {
    what: `${heading(aim, isa)}, ${title(shape)}: onnxruntime int8 / bitplane`,
    value: ratio,
    unit: 'x',
    ...(hasGoal && { goal: { min: aim.each } }),
    note,
  };
}

function meanRow(results: readonly Result[]): Row {
  const { aim, isa, forced } = results[0] as Result;
  const logs = results.map(({ ratio }) => Math.log(ratio));
  return {
    what: `${heading(aim, isa)}, mean of the four: onnxruntime int8 / bitplane`,
    value: Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length),
    unit: 'x',
    ...(isa === 'avx512' && !forced && { goal: { min: aim.mean } }),
  };
}

function heading(aim: Aim, isa: string): string {
  return `${pairTitle(aim)}, ${isa}`;
}

/**
 * Single float layers, some of a kind in one file, here and in onnxruntime: each shape, and the
 * geometric mean of all. One thread, results into memory that is used again.
 */
import { Session, Tensor } from 'bitplane';
import ort from 'onnxruntime-node';
import { onnxruntimeFile } from '../chain/onnxruntime.js';
import { type Runner, SEED } from '../chain/workload.js';
import { race } from '../measure.js';
import { drawn, random } from '../random.js';
import type { Row } from '../report.js';
import { layerFile, productOf } from './layer-file.js';
import { multiplyAdds } from './multiply-adds.js';
import { CASES, type Case } from './shapes.js';

const LEAST = 0.95;
const LEAST_MEAN = 1;
const ROUNDS = 20;
const MS = 8;

/** A session of bitplane with what its layers are. */
interface OurRunner extends Runner {
  readonly isa: string;
  /** The kernels of the layers, each once. */
  readonly kernels: readonly string[];
  /** Multiply-adds of a run. */
  readonly macs: number;
}

interface Measured {
  readonly case: Case;
  readonly ours: OurRunner;
  /** Microseconds of a run. */
  readonly us: Readonly<Record<'ours' | 'theirs', number>>;
}

export async function layers(): Promise<Row[]> {
  const measured: Measured[] = [];
  let bound = 0;
  for (const one of CASES) {
    measured.push(await measure(one));
    bound = Math.max(bound, multiplyAdds((measured[0] as Measured).ours.isa));
  }
  return [...measured.map((one) => row(one, bound)), meanRow(measured)];
}

async function measure(one: Case): Promise<Measured> {
  const { bytes, x, y } = layerFile(one);
  const next = random(SEED);
  const data = drawn(new Float32Array(productOf(x)), () => next() - 0.5);
  const memory = () => new Float32Array(productOf(y));
  const ours = await open(bytes, new Tensor('f32', data, x), new Tensor('f32', memory(), y));
  const theirs = await onnxruntimeFile(
    bytes,
    1,
    { x: new ort.Tensor('float32', data, x) },
    { y: new ort.Tensor('float32', memory(), y) },
  );
  const us = await race({ ours: ours.run, theirs: theirs.run }, ROUNDS, MS);
  for (const { release } of [ours, theirs]) await release();
  return { case: one, ours, us };
}

async function open(bytes: Uint8Array, x: Tensor<'f32'>, y: Tensor<'f32'>): Promise<OurRunner> {
  const session = await Session.create(bytes, { threads: 1 });
  const products = (await session.profile(1, { x })).filter(({ macs }) => macs.float > 0);
  return {
    isa: session.info.isa,
    kernels: [...new Set(products.map(({ kernel }) => kernel))],
    macs: products.reduce((sum, { macs }) => sum + macs.float, 0),
    run: () => session.run({ x }, { y }),
    release: () => session.release(),
  };
}

function row({ case: { title, layers: all }, ours, us }: Measured, bound: number): Row {
  const rate = ours.macs / us.ours / 1000;
  const share = (100e9 * rate) / bound;
  return {
    what: `float, ${title}: onnxruntime fp32 / bitplane`,
    value: us.theirs / us.ours,
    unit: 'x',
    goal: { min: LEAST },
    note:
      `${(us.ours / all.length).toFixed(1)} us a layer, ${rate.toFixed(1)} GMAC/s, ` +
      `${share.toFixed(0)} % of the FMA rate, ${ours.kernels.join(', ')}; ` +
      `onnxruntime ${(us.theirs / all.length).toFixed(1)} us`,
  };
}

function meanRow(measured: readonly Measured[]): Row {
  const logs = measured.map(({ us }) => Math.log(us.theirs / us.ours));
  return {
    what: 'float layers, geometric mean of all: onnxruntime fp32 / bitplane',
    value: Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length),
    unit: 'x',
    goal: { min: LEAST_MEAN },
  };
}

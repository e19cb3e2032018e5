/**
 * The chain against onnxruntime, one thread each, and two threads against one.
 */
import { race } from '../measure.js';
import type { Row, Workload } from '../report.js';
import { bitplaneChain } from './bitplane.js';
import { chainFromOnnx } from './from-onnx.js';
import { onnxruntimeFp32Chain } from './onnxruntime-fp32.js';
import { onnxruntimeInt8Chain } from './onnxruntime-int8.js';
import { type ChainShape, macs, SHAPES, title } from './workload.js';

export const chain: Workload = {
  name: 'chain',
  async rows() {
    const rows: Row[] = [];
    for (const shape of SHAPES) rows.push(...(await measure(shape)));
    rows.push(await fromOnnx(SHAPES[0] as ChainShape));
    return rows;
  },
};

async function fromOnnx(shape: ChainShape): Promise<Row> {
  const { bitplane, onnxruntime } = await chainFromOnnx(shape);
  const us = await race({ ours: bitplane.run, fp32: onnxruntime.run });
  for (const runner of [bitplane, onnxruntime]) await runner.release();
  return {
    what: `${title(shape)}, an ONNX file, f32 [N,C,H,W] in and out: onnxruntime fp32 / bitplane`,
    value: us.fp32 / us.ours,
    unit: 'x',
    goal: { min: 14 },
    note: `${us.ours.toFixed(0)} us, ${us.fp32.toFixed(0)} us`,
  };
}

async function measure(shape: ChainShape): Promise<Row[]> {
  const [one, two, fp32, int8] = await Promise.all([
    bitplaneChain(shape, 1),
    bitplaneChain(shape, 2),
    onnxruntimeFp32Chain(shape, 1),
    onnxruntimeInt8Chain(shape, 1),
  ]);
  const us = await race({ one: one.run, two: two.run, fp32: fp32.run, int8: int8.run });
  for (const runner of [one, two, fp32, int8]) await runner.release();
  const name = title(shape);
  const rate = (time: number) => `${(macs(shape) / time / 1000).toFixed(0)} GMAC/s`;
  return [
    { what: `${name}: run(), one thread`, value: us.one, unit: 'us', note: rate(us.one) },
    {
      what: `${name}: onnxruntime fp32 / bitplane`,
      value: us.fp32 / us.one,
      unit: 'x',
      goal: { min: 18 },
      note: `${us.fp32.toFixed(0)} us, ${rate(us.fp32)}`,
    },
    {
      what: `${name}: onnxruntime int8 / bitplane`,
      value: us.int8 / us.one,
      unit: 'x',
      goal: { min: 4.5 },
      note: `${us.int8.toFixed(0)} us, ${rate(us.int8)}`,
    },
    {
      what: `${name}: one thread / two threads`,
      value: us.one / us.two,
      unit: 'x',
      goal: { min: 1.8 },
      note: `${us.two.toFixed(0)} us`,
    },
  ];
}

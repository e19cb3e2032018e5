/**
 * Published networks on the whole test sets they were published with: the accuracy that training
 * reported, to the last image. Needs BITPLANE_DATA to name a folder with models/, mnist/ and
 * cifar-10-batches-bin/.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bitplaneCli } from '../child.js';
import { type Row, Skip, type Workload } from '../report.js';

/** `top1` is what the network's authors or their training reported, in percent. */
const MODELS = [
  { model: 'cnv-w1a1', dataset: 'cifar10', top1: 79.22 },
  { model: 'lfc-w1a1', dataset: 'mnist', top1: 98.34 },
  { model: 'tfc-w1a1', dataset: 'mnist', top1: 92.96 },
  { model: 'mnist-w1a1', dataset: 'mnist', top1: 95.8 },
  // Its file is gzipped; signs within 1e-5 of the root decide images here.
  { model: 'bmxnet-resnet18-cifar10', dataset: 'cifar10', top1: 85.2 },
] as const;

interface Evaluation {
  top1: number;
  top5: number;
  n: number;
  imagesPerSecond: number;
}

export const accuracy: Workload = {
  name: 'accuracy',
  async rows(): Promise<Row[]> {
    const data = process.env.BITPLANE_DATA;
    if (data === undefined || !existsSync(join(data, 'models')))
      throw new Skip('BITPLANE_DATA names no folder with models/ in it');
    const rows: Row[] = [];
    for (const { model, dataset, top1 } of MODELS) {
      const stem = join(data, 'models', model);
      const result = await bitplaneCli<Evaluation>([
        'eval',
        existsSync(`${stem}.onnx`) ? `${stem}.onnx` : `${stem}.onnx.gz`,
        '--dataset',
        dataset,
        '--data',
        data,
        '--preprocess',
        `${stem}.json`,
      ]);
      const what = `${model}, top-1 on ${result.n} test images`;
      rows.push({
        what,
        value: Math.round(result.top1 * 100) / 100,
        unit: '%',
        goal: { min: top1 },
        note: `${result.imagesPerSecond.toFixed(0)} images/s`,
      });
    }
    return rows;
  },
};

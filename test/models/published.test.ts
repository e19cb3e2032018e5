/**
 * Published networks on every instruction set give the outputs that an independent reference
 * computed for real samples. Needs BITPLANE_DATA to hold models/; skipped loudly without it. Not
 * here: accuracy on whole data sets (test/cli/real-data.test.ts).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readNpy } from '../../src/formats/npy.js';
import { Session } from '../../src/formats/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { isEmulated, testedIsas } from '../native/harness.js';

const folder = join(process.env.BITPLANE_DATA ?? '', 'models');
const absent = process.env.BITPLANE_DATA === undefined || !existsSync(folder);
if (absent)
  console.warn(
    'SKIPPED, BITPLANE_DATA is not set or holds no models/: outputs of the published networks',
  );
/** What an emulator leaves out: two minutes each, for the kernels that ResNet-20 has too. */
const LARGE = /^resnet18-cifar|^resnet20-cifar100/;
const isRun = (name: string) => !(isEmulated && LARGE.test(name));

const models = absent
  ? []
  : readdirSync(folder).filter((name) => /\.onnx(\.gz)?$/.test(name) && isRun(name));
const THREADS = isEmulated ? [2] : [1, 2];

const NETWORKS = [
  'bmxnet-resnet18-cifar10',
  'cnv-w1a1',
  'cnv-w1a1-std',
  'cnv-w1a2',
  'lfc-w1a1',
  'mnist-w1a1',
  'mobilenetv2-035',
  'resnet18-cifar10',
  'resnet18-cifar100',
  'resnet18-w1a1-imagenet',
  'resnet20-cifar10',
  'resnet20-cifar100',
  'tfc-w1a1',
  'tfc-w2a2',
];

/**
 * |a - b| <= TOLERANCE * max(1, |b|) for outputs that are not whole numbers; those are compared
 * exactly.
 */
const TOLERANCE = 1e-3;

function read(model: string, what: 'input' | 'expected'): Tensor {
  return readNpy(readFileSync(join(folder, `${model.replace(/\.onnx(\.gz)?$/, '')}.${what}.npy`)));
}

/** The first places where two outputs differ, as text. */
function differences(got: Tensor, want: Tensor): string[] {
  const exact = want.data.every(Number.isInteger);
  const found: string[] = [];
  for (const [i, b] of want.data.entries()) {
    const a = got.data[i] as number;
    const same = exact ? a === b : Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));
    if (!same && found.length < 5) found.push(`[${i}]: ${a}, not ${b}`);
  }
  return found;
}

describe.skipIf(absent)(
  `the published networks${absent ? ' (skipped: BITPLANE_DATA holds no models/)' : ''}`,
  () => {
    test('every network of this list is in BITPLANE_DATA', () =>
      expect(models.map((file) => file.replace(/\.onnx(\.gz)?$/, ''))).toEqual(
        expect.arrayContaining(NETWORKS.filter(isRun)),
      ));

    describe.each(models)('%s', (model) => {
      const sessions: Session[] = [];
      afterAll(() => Promise.all(sessions.map((session) => session.release())));

      test.each(testedIsas().flatMap((isa) => THREADS.map((threads) => [isa, threads] as const)))(
        '%s, %i threads',
        async (isa, threads) => {
          const session = await Session.create(join(folder, model), { isa: isa as Isa, threads });
          sessions.push(session);
          const want = read(model, 'expected');
          const results = await session.run({
            [session.inputNames[0] as string]: read(model, 'input'),
          });
          const got = results[session.outputNames[0] as string] as Tensor;
          expect(got.shape).toEqual(want.shape);
          expect(differences(got, want)).toEqual([]);
        },
      );
    });
  },
);

/**
 * Small networks whose right answers were computed elsewhere, one a folder of test/golden/cases:
 * model.onnx, in.NAME.npy, out.NAME.npy (numpy's or torch's float64; of MultiThreshold QONNX's own
 * function). Each has failed once. Not here: the effect of import options.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readNpy } from '../../src/formats/npy.js';
import { Session } from '../../src/formats/session.js';
import { supportedIsas } from '../../src/native/isa.js';
import type { Isa } from '../../src/runtime/session-types.js';
import type { Tensor } from '../../src/tensor/tensor.js';

const folder = join(import.meta.dirname, '../golden/cases');

test.each(readdirSync(folder))(
  '%s: every result has the reference shape and numbers',
  async (name) => {
    const files = readdirSync(join(folder, name));
    const tensors = (prefix: string) =>
      files
        .filter((file) => file.startsWith(prefix))
        .map(
          (file) =>
            [
              file.slice(prefix.length, -'.npy'.length),
              readNpy(readFileSync(join(folder, name, file))),
            ] as const,
        );
    for (const isa of supportedIsas() as Isa[]) {
      const session = await Session.create(join(folder, name, 'model.onnx'), { isa, threads: 1 });
      const results = (await session.run(Object.fromEntries(tensors('in.')))) as Record<
        string,
        Tensor
      >;
      for (const [output, wanted] of tensors('out.')) {
        const { shape, data } = results[output]!;
        expect([isa, shape]).toEqual([isa, wanted.shape]);
        data.forEach((value, i) => {
          const target = wanted.data[i]!;
          if (Number.isNaN(target)) expect(value).toBeNaN();
          else
            expect(Math.abs(value - target)).toBeLessThanOrEqual(
              1e-5 * Math.max(1, Math.abs(target)),
            );
        });
      }
      await session.release();
    }
  },
);

/**
 * The networks of models/: what is said of them holds. Their accuracy needs BITPLANE_DATA with the
 * data sets; skipped loudly without it.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { kept, pages } from '../../scripts/trained-models.mjs';
import { openTrainingSets } from '../../src/data/training-sets.js';
import { loadModel } from '../../src/formats/model.js';
import { Session } from '../../src/formats/session.js';
import { evaluate } from '../../src/train/evaluate.js';
import { readHistory } from '../../src/train/history-log.js';
import { cli } from '../cli/cli.js';
import { isEmulated } from '../native/harness.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const networks = kept();
const data = process.env.BITPLANE_DATA;
const absent = data === undefined || !existsSync(`${data}/cifar-10-batches-bin`);
if (absent) console.warn('SKIPPED, BITPLANE_DATA is not set: the accuracy of networks of models/');

const file = (name: string) => `${root}models/${name}/model.safetensors`;

// Its charts are made by esbuild, which an emulator has not.
test.skipIf(isEmulated)(
  'README.md and docs/training say of models/ what its files say',
  async () => {
    for (const [path, text] of await pages())
      expect(readFileSync(`${root}${path}`, 'utf8')).toBe(text);
  },
);

test('networks are small enough for the package', () => {
  const sizes = networks.map(({ name }) => statSync(file(name)).size);
  expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(1.5e6);
  expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(3e6);
});

test('a log has the epochs that are claimed, and no command names a machine', async () => {
  for (const { name, command, epochs, topFloat, bytes } of networks) {
    const log = await readHistory(`${root}models/${name}/log.jsonl`);
    expect(log).toHaveLength(epochs);
    expect(log.at(-1)!.testAccuracy).toBe(topFloat);
    expect(statSync(file(name)).size).toBe(bytes);
    expect(command).not.toMatch(/ \/| [A-Z]:|\.\./);
  }
  const curves = `${root}models/curves`;
  for (const name of existsSync(curves) ? readdirSync(curves) : [])
    expect((await readHistory(`${curves}/${name}`)).length).toBeGreaterThan(0);
});

test('models/NAME is a model from any folder, and an unknown one is refused by name', async () => {
  for (const { name } of networks) {
    const { code, stdout } = await cli('inspect', `models/${name}`);
    expect(code).toBe(0);
    expect(stdout).toContain('logits');
  }
  const { code, stderr } = await cli('inspect', 'models/nothing');
  expect(code).toBe(1);
  expect(stderr).toMatch(/expected one of models\/.* but received "models\/nothing"/);
});

describe.skipIf(absent || isEmulated || networks.length === 0)('accuracy', () => {
  test.each(networks)('$name: $top1 %', async ({ name, dataset, top1 }) => {
    const { test: pictures } = await openTrainingSets(dataset, data!);
    const graph = await loadModel(file(name));
    const session = Session.fromGraph(graph);
    const { accuracy } = await evaluate(session as never, pictures);
    await session.release();
    // The sums of floats differ in their last bits between instruction sets.
    expect(Math.abs(100 * accuracy - top1)).toBeLessThanOrEqual(0.1);
  });
});

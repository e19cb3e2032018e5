import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pictureSet } from '../../src/data/picture-set.js';
import { readHistory } from '../../src/train/history-log.js';
import { RECIPES } from '../../src/zoo/recipes.js';
import { FILES, planOf, type TrainRecipeOptions, trainRecipe } from '../../src/zoo/train-recipe.js';
import { random } from '../random.js';

/** Noise, bright for one class and dark for the other: 8 x 8 x 1. */
function pictures(count: number, seed: number) {
  const next = random(seed);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  return pictureSet({
    name: 'noise',
    classes: ['dark', 'bright'],
    pictureShape: [8, 8, 1],
    normalization: { mean: [0.5], std: [0.25] },
    pixels: Uint8Array.from({ length: count * 64 }, (_, i) =>
      Math.floor(next() * 120 + (labels[Math.floor(i / 64)] === 1 ? 120 : 0)),
    ),
    labels,
  });
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitplane-recipe-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const options = (out: string): TrainRecipeOptions => ({
  model: 'resnet-20',
  train: pictures(24, 1),
  test: pictures(10, 2),
  out: join(folder, out),
  epochs: 5,
  width: 1,
  batchSize: 12,
  threads: 1,
});

describe('a recipe of four phases', () => {
  const recipe = RECIPES['bi-real'];

  test('goes on from wherever it was interrupted to the same network and log', async () => {
    const whole = await trainRecipe(recipe, options('whole'));
    const steps = 2;
    // In the first step of the second phase, in the middle of it, and of the last.
    for (const stopAt of [steps + 1, steps + 2, 3 * steps + 3]) {
      const out = `cut${stopAt}`;
      const controller = new AbortController();
      let step = 0;
      const cut = trainRecipe(recipe, {
        ...options(out),
        signal: controller.signal,
        onStep() {
          if (++step === stopAt) controller.abort();
        },
      });
      await expect(cut).rejects.toMatchObject({ code: 'ERR_ABORTED' });
      const resumed = await trainRecipe(recipe, { ...options(out), resume: true });
      expect(resumed.state).toEqual(whole.state);
      const losses = whole.history.map(({ loss }) => loss);
      expect(resumed.history.map(({ loss }) => loss)).toEqual(losses);
      const log = await readHistory(join(folder, out, FILES.log));
      expect(log.map(({ loss }) => loss)).toEqual(losses);
    }
  });

  test('refuses to go on under other settings, and begins anew without resume', async () => {
    const first = await trainRecipe(recipe, options('out'));
    await expect(
      trainRecipe(recipe, { ...options('out'), epochs: 9, resume: true }),
    ).rejects.toThrow(/expected the settings that the checkpoint was trained with, epochs/);
    const again = await trainRecipe(recipe, { ...options('out'), seed: 4 });
    expect(again.state).not.toEqual(first.state);
    expect(readFileSync(join(folder, 'out', FILES.log), 'utf8').split('\n')).toHaveLength(6);
  });

  test('refuses a folder that cannot be made, by name', async () => {
    writeFileSync(join(folder, 'file'), '');
    const out = join('file', 'within');
    await expect(trainRecipe(recipe, options(out))).rejects.toMatchObject({
      code: 'ERR_IO',
      node: join(folder, out),
    });
  });

  test('one that is finished gives its result again, packed as it was evaluated', async () => {
    const first = await trainRecipe(recipe, options('out'));
    const again = await trainRecipe(recipe, { ...options('out'), resume: true });
    expect(again.state).toEqual(first.state);
    expect(again.history).toEqual(first.history);
    expect(again.differing).toBe(0);
    expect(again.evaluation.accuracy * 100).toBeCloseTo(again.history.at(-1)!.testAccuracy!, 9);
  });
});

describe('a recipe that trains its own teacher', () => {
  const recipe = RECIPES['real-to-binary'];

  test('begins with the students where a teacher is given, with their epochs', async () => {
    const float = await trainRecipe(RECIPES.float, { ...options('float'), epochs: 1 });
    const teacher = { model: float.network as never, state: float.state };
    const { history } = await trainRecipe(recipe, { ...options('taught'), teacher, epochs: 6 });
    expect(history.map(({ phase }) => phase)).toEqual([
      ...['student1', 'student1', 'student2', 'student2'],
      ...['student3', 'student3'],
    ]);
    expect(planOf(recipe, { model: 'resnet-20', teacher }).epochs).toBe(90);
    expect(planOf(recipe, { model: 'resnet-20' }).epochs).toBe(120);
    expect(planOf(recipe, { model: 'resnet-20', without: ['stages'], teacher }).epochs).toBe(90);
  });

  test('trains one otherwise', async () => {
    const { history, differing } = await trainRecipe(recipe, { ...options('alone'), epochs: 4 });
    expect(history.map(({ phase }) => phase)).toEqual([
      'teacher',
      ...['student1', 'student2', 'student3'],
    ]);
    expect(differing).toBe(0);
  });
});

test('statistics that are counted anew are those of the packed network', async () => {
  const plain = await trainRecipe(RECIPES.bwn, { ...options('plain'), epochs: 2 });
  const { state, differing } = await trainRecipe(RECIPES.bwn, {
    ...options('counted'),
    epochs: 2,
    calibrate: 2,
  });
  expect(state['bn1/gamma']).toEqual(plain.state['bn1/gamma']);
  expect(state['bn1/mean']).not.toEqual(plain.state['bn1/mean']);
  expect(differing).toBe(0);
});

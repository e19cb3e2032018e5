/** The usual recipes against the arithmetic of the libraries that they are named after. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CIFAR10_LABELS, CIFAR100_LABELS } from '../../src/data/class-names.js';
import { imageToTensor } from '../../src/data/image-to-tensor.js';
import { cifar10, cifar100 } from '../../src/data/labelled-pictures.js';
import { readRecipe, recipeOf, withRecipe } from '../../src/data/recipe.js';
import * as recipes from '../../src/data/recipes.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { realData, temporaryFolder, write } from './fixtures.js';

const f = Math.fround;
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
/** Every byte value in every channel, 16 x 16. */
const every = {
  data: Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3)),
  width: 16,
  height: 16,
};
/** Without sizes, the numbers of the 256 values, channel by channel. */
async function numbers(recipe: { preprocess: object }): Promise<number[][]> {
  const { resize: _, crop: __, ...rest } = recipe.preprocess as Record<string, unknown>;
  const { data } = await imageToTensor(every, { ...rest, layout: 'NCHW' } as never);
  return [0, 1, 2].map((c) => Array.from(data.subarray(c * 256, (c + 1) * 256)));
}
const bytes = Array.from({ length: 256 }, (_, byte) => byte);

describe('recipes', () => {
  test('torchvision is ToTensor, then Normalize, in float32', async () => {
    const expected = [0, 1, 2].map((c) =>
      bytes.map((byte) => f(f(f(byte / 255) - f(MEAN[c] as number)) / f(STD[c] as number))),
    );
    expect(await numbers(recipes.torchvision())).toEqual(expected);
    expect(await numbers(recipes.keras('torch'))).toEqual(expected);
  });

  test('sides are those of the weights', () => {
    const sides = (weights: 'IMAGENET1K_V1' | 'IMAGENET1K_V2' | 'INCEPTION_V3') => {
      const { resize, crop, rounding, layout } = recipes.torchvision(weights).preprocess;
      return { resize, crop, rounding, layout };
    };
    const rest = { rounding: 'torchvision', layout: 'NCHW' };
    expect(sides('IMAGENET1K_V1')).toEqual({ resize: 256, crop: 224, ...rest });
    expect(sides('IMAGENET1K_V2')).toEqual({ resize: 232, crop: 224, ...rest });
    expect(sides('INCEPTION_V3')).toEqual({ resize: 342, crop: 299, ...rest });
  });

  test('tf is x / 127.5 - 1 and caffe blue first less its means, in float32', async () => {
    const tf = bytes.map((byte) => f(f(byte / 127.5) - 1));
    expect(await numbers(recipes.keras('tf'))).toEqual([tf, tf, tf]);
    const caffe = [103.939, 116.779, 123.68].map((mean) => bytes.map((byte) => f(byte - f(mean))));
    expect(await numbers(recipes.keras('caffe'))).toEqual(caffe);
    const red = { data: Uint8Array.of(255, 0, 0), width: 1, height: 1 };
    const { data } = await imageToTensor(red, recipes.keras('caffe', { size: 1 }));
    expect(Array.from(data)).toEqual([-103.939, -116.779, 255 - 123.68].map(f));
    expect(recipes.keras('tf', { size: 160 }).preprocess).toMatchObject({
      layout: 'NHWC',
      resize: 160,
      crop: 160,
    });
  });

  test('small pictures have their labels, and any layout', async () => {
    expect(recipes.cifar10().labels?.[3]).toBe('cat');
    expect(recipes.cifar100().labels).toHaveLength(100);
    const flat = recipes.mnist({ layout: 'flat', labels: ['zero'] });
    expect(flat.labels).toEqual(['zero']);
    expect((await imageToTensor(every, flat)).shape).toEqual([1, 784]);
  });

  test('unknown names and options are refused', () => {
    expect(() => recipes.torchvision('V3' as never)).toThrow(
      /weights to be IMAGENET1K_V1 or IMAGENET1K_V2 or INCEPTION_V3 but received "V3"/,
    );
    expect(() => recipes.keras('torchvision' as never)).toThrow(/mode to be caffe or tf or torch/);
    expect(() => recipes.cifar10({ layuot: 'NHWC' } as never)).toThrow(/did you mean "layout"/);
    expect(() => recipes.mnist({ layout: 'CHW' } as never)).toThrow(/layout to be NCHW or NHWC/);
    expect(() => recipes.keras('tf', { size: 0 })).toThrow(/size to be a whole number of pixels/);
  });
});

describe('readRecipe', () => {
  const recipe = (dir: string, labels: unknown) =>
    write(
      join(dir, 'm.json'),
      JSON.stringify({ preprocess: { layout: 'flat', color: 'gray' }, labels }),
    );

  test('labels stand in a text file, a name a line', async () => {
    const dir = temporaryFolder();
    write(join(dir, 'names.txt'), 'tench\r\n\r\ngold fish \n\n');
    expect((await readRecipe(recipe(dir, 'names.txt'))).labels).toEqual(['tench', '', 'gold fish']);
  });

  test('a label file that is not there names both files and the way out', async () => {
    const dir = temporaryFolder();
    await expect(readRecipe(recipe(dir, 'names.txt'))).rejects.toMatchObject({
      code: 'ERR_IO',
      node: join(dir, 'names.txt'),
      message: expect.stringContaining(
        `"labels" of ${join(dir, 'm.json')} names it: put it beside`,
      ),
    });
  });

  test('a model gives the recipe that it carries, or says the ways to one', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4]);
    const graph = g.graph([x], { y: g.relu(x) });
    const { preprocess, labels } = recipes.mnist({ layout: 'flat' });
    expect(recipeOf(withRecipe(graph, recipes.mnist({ layout: 'flat' })))).toMatchObject({
      preprocess,
      labels,
    });
    expect(() => recipeOf(graph)).toThrow(/readRecipe.*recipes\.torchvision.*docs\/recipes\.md/);
  });
});

const folder = realData('the labels of CIFAR are those of the files');
test.skipIf(folder === undefined)('the labels of CIFAR are those of the files', async () => {
  expect((await cifar10({ dir: folder }).open()).classes).toEqual(CIFAR10_LABELS);
  expect((await cifar100({ dir: folder }).open()).classes).toEqual(CIFAR100_LABELS);
});

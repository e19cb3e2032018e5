/** Data sets as async iterables, and the accuracy of a session on them. */
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type Example, evaluate } from '../../src/data/evaluate.js';
import { imageToTensor } from '../../src/data/image-to-tensor.js';
import {
  cifar10,
  cifar100,
  type LabelledPicture,
  mnist,
  pictures,
} from '../../src/data/labelled-pictures.js';
import { recipeOf, withRecipe } from '../../src/data/recipe.js';
import * as recipes from '../../src/data/recipes.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import { temporaryFolder, write, writeCifar10, writeCifar100, writeMnist } from './fixtures.js';

async function all<T>(set: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of set) list.push(each);
  return list;
}

/** DIR/CLASS/i.png of one colour each, red bright in `red`, blue in `blue`. */
async function colours(): Promise<string> {
  const dir = temporaryFolder();
  for (const [name, r, b] of [
    ['red', 250, 10],
    ['blue', 10, 250],
  ] as const)
    for (const i of [1, 2, 3]) {
      const background = { r, g: 0, b };
      const create = { width: 4 + i, height: 5, channels: 3 as const, background };
      write(join(dir, name, `${i}.png`), await sharp({ create }).png().toBuffer());
    }
  return dir;
}

/** scores [N, 3]: the mean of each colour. */
function colourSession(carries = true): GraphSession {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4, 4, 3]);
  const graph = g.graph([x], { scores: g.reduce(x, 'mean', [1, 2]) });
  return GraphSession.fromGraph(carries ? withRecipe(graph, RECIPE) : graph) as GraphSession;
}
const PREPROCESS = {
  ...recipes.keras('tf', { size: 4 }).preprocess,
} as const;
const RECIPE = { preprocess: PREPROCESS, labels: ['red', 'green', 'blue'], source: 'colours' };

describe('data sets', () => {
  test('MNIST and CIFAR give every picture with its class, in order', async () => {
    const dir = temporaryFolder();
    writeMnist(join(dir, 'mnist'), 300);
    writeCifar10(join(dir, 'cifar-10-batches-bin'), 3);
    writeCifar100(join(dir, 'cifar-100-binary'), 3);
    const digits = await all(mnist({ dir }));
    expect(digits).toHaveLength(300);
    expect(digits[299]).toMatchObject({
      label: (299 * 3) % 10,
      name: '7',
      picture: { width: 28, height: 28, channels: 1 },
    });
    expect(digits[299]?.picture.data[1]).toBe((299 * 784 * 7 + 7) & 255);
    const small = [...(await all(cifar10({ dir }))), ...(await all(cifar100({ dir })))];
    expect(small.map(({ label, name }) => `${label} ${name}`)).toEqual([
      ...['0 class0', '1 class1', '2 class2'],
      ...['0 class0', '1 class1', '2 class2'],
    ]);
    expect(small[1]?.picture).toMatchObject({ width: 32, height: 32, channels: 3 });
  });

  test('a loop that ends early reads no further', async () => {
    const dir = await colours();
    write(join(dir, 'red', '4.png'), 'broken');
    const seen: LabelledPicture[] = [];
    for await (const each of pictures(dir, { labels: RECIPE.labels })) {
      seen.push(each);
      if (seen.length === 2) break;
    }
    expect(seen.map(({ file, label, name }) => [file, label, name])).toEqual([
      [join(dir, 'blue', '1.png'), 2, 'blue'],
      [join(dir, 'blue', '2.png'), 2, 'blue'],
    ]);
    expect(seen[1]?.picture).toMatchObject({ width: 6, height: 5 });
  });

  test('a broken picture is an error, or is told of and left out', async () => {
    const dir = await colours();
    const broken = write(join(dir, 'blue', '1.png'), 'broken');
    await expect(all(pictures(dir))).rejects.toMatchObject({ code: 'ERR_FORMAT', node: broken });
    expect(await all(pictures(dir, { strict: false }))).toHaveLength(5);
    const skipped: string[] = [];
    const onSkipped = ({ file }: { file: string }) => skipped.push(file);
    expect(await all(pictures(dir, { onSkipped }))).toHaveLength(5);
    expect(skipped).toEqual([broken]);
    const set = await pictures(dir, { onSkipped }).open(RECIPE);
    expect((await set.read(0, set.size)).labels).toHaveLength(5);
    expect(skipped).toEqual([broken, broken]);
    const strict = pictures(dir, { strict: true, onSkipped });
    await expect(all(strict)).rejects.toMatchObject({ code: 'ERR_FORMAT', node: broken });
    expect(() => pictures(dir, { strict: 1 } as never)).toThrow(/strict to be true or false/);
  });

  test('without a folder the sentence says how to name one', async () => {
    const before = process.env.BITPLANE_DATA;
    delete process.env.BITPLANE_DATA;
    try {
      await expect(mnist().open()).rejects.toThrow(/expected dir, or the environment variable/);
    } finally {
      if (before !== undefined) process.env.BITPLANE_DATA = before;
    }
    await expect(pictures('x').open()).rejects.toThrow(/a recipe with resize or crop/);
    expect(() => mnist({ split: 'validation' } as never)).toThrow(/split to be test or train/);
  });
});

describe('evaluate', () => {
  test('a folder by what the model carries, its labels by name', async () => {
    const told: (readonly [number, number | undefined])[] = [];
    const result = await evaluate(colourSession(), pictures(await colours()), {
      batch: 4,
      onProgress: (done, total) => told.push([done, total]),
    });
    expect(result).toMatchObject({ top1: 100, top5: 100, n: 6, skipped: [] });
    expect(told.map(([, total]) => total)).toEqual([6, 6]);
    expect(told.at(-1)?.[0]).toBe(6);
  });

  test('a broken picture is counted and named, and an error where it is strict', async () => {
    const dir = await colours();
    const broken = write(join(dir, 'blue', '1.png'), 'broken');
    const result = await evaluate(colourSession(), pictures(dir));
    expect(result).toMatchObject({ n: 5, top1: 100, skipped: [{ file: broken }] });
    const told = { code: 'ERR_FORMAT', message: expect.stringContaining(broken) };
    const strict = { strict: true } as const;
    await expect(evaluate(colourSession(), pictures(dir, strict))).rejects.toMatchObject(told);
    await expect(evaluate(colourSession(), pictures(dir), strict)).rejects.toMatchObject(told);
    const set = await pictures(dir).open(RECIPE);
    expect((await evaluate(colourSession(), set)).skipped).toHaveLength(1);
    await expect(evaluate(colourSession(), set, strict)).rejects.toMatchObject(told);
    async function* mine() {
      yield { picture: broken, label: 2 };
    }
    await expect(evaluate(colourSession(), mine(), strict)).rejects.toMatchObject(told);
    // What the caller says last counts.
    const lenient = { strict: false };
    expect((await evaluate(colourSession(), pictures(dir, strict), lenient)).n).toBe(5);
  });

  test('a recipe without a size leaves pictures larger than the input', async () => {
    const dir = await colours();
    const { resize, crop, ...open } = PREPROCESS;
    const recipe = { preprocess: open, labels: RECIPE.labels };
    const all = { top1: 100, n: 6, skipped: [] };
    expect(await evaluate(colourSession(), pictures(dir), { recipe })).toMatchObject(all);
    const session = GraphSession.fromGraph(
      withRecipe(colourSession().graph, { ...recipe, source: 'a test' }),
    );
    expect(await evaluate(session, pictures(dir))).toMatchObject(all);
    expect(recipeOf(session)).toMatchObject({ isFitted: true, preprocess: { resize: 4, crop: 4 } });
    async function* mine() {
      yield { picture: join(dir, 'red', '1.png'), label: 0 };
    }
    expect(await evaluate(session, mine(), { recipe })).toMatchObject({ n: 1, top1: 100 });
    const picture = join(dir, 'red', '2.png');
    expect((await imageToTensor(picture, recipe)).shape).toEqual([1, 5, 6, 3]);
    for (const image of [
      await imageToTensor(picture, recipe, { model: session }),
      await imageToTensor(picture, recipe, { model: session.graph }),
      await imageToTensor(picture, recipeOf(session)),
    ])
      expect(image.shape).toEqual([1, 4, 4, 3]);
  });

  test('any async iterable, its broken pictures named, its end at the limit', async () => {
    const dir = await colours();
    let ended = false;
    async function* mine(): AsyncGenerator<Example> {
      try {
        yield { picture: join(dir, 'red', '1.png'), label: 0 };
        yield { picture: join(dir, 'none.png'), label: 0 };
        for (let i = 0; ; i++)
          yield { picture: { data: Uint8Array.of(0, 0, 9), width: 1, height: 1 }, label: i % 2 };
      } finally {
        ended = true;
      }
    }
    const result = await evaluate(colourSession(), mine(), { limit: 10, batch: 3 });
    expect(result).toMatchObject({ n: 9, top1: (100 * 1) / 9 });
    expect(result.skipped.map(({ file }) => file)).toEqual([join(dir, 'none.png')]);
    expect(ended).toBe(true);
  });

  test('without a recipe, labels or scores enough, the sentence says the way out', async () => {
    const dir = await colours();
    await expect(evaluate(colourSession(false), pictures(dir))).rejects.toThrow(
      /carries its recipe.*readRecipe/,
    );
    const unnamed = { ...RECIPE, labels: undefined };
    await expect(evaluate(colourSession(), pictures(dir), { recipe: unnamed })).rejects.toThrow(
      /a class folder for each of 3 outputs, or labels.*2 folders: blue, red/,
    );
    const large = recipes.keras('tf', { size: 8 });
    await expect(
      evaluate(colourSession(), pictures(dir), { recipe: { ...large, labels: RECIPE.labels } }),
    ).rejects.toThrow(/expected \[N, 4, 4, 3\] \(a recipe with .*"resize":4.* gives it\)/);
    async function* beyond() {
      yield { picture: { data: Uint8Array.of(0, 0, 9), width: 1, height: 1 }, label: 3 };
    }
    await expect(evaluate(colourSession(), beyond())).rejects.toThrow(/more than 3 scores/);
    async function* wrong() {
      yield { picture: 'x' } as never;
    }
    await expect(evaluate(colourSession(), wrong())).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      node: 'pictures[0]',
    });
  });

  test('an abort ends it between batches', async () => {
    const controller = new AbortController();
    async function* endless() {
      for (;;) yield { picture: { data: Uint8Array.of(0, 0, 9), width: 1, height: 1 }, label: 0 };
    }
    await expect(
      evaluate(colourSession(), endless(), {
        signal: controller.signal,
        onProgress: (done) => done > 100 && controller.abort(),
      }),
    ).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});

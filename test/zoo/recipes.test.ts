/** Recipes: each phase of each network builds, and a step of it trains. Numbers: test/train. */
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { type Teacher, trainingStep } from '../../src/train/step.js';
import {
  RECIPE_MODELS,
  type Recipe,
  type RecipeModel,
  type RecipePart,
  type RecipePhase,
} from '../../src/zoo/recipe.js';
import { FLOAT_NETWORKS, phasesOf, RECIPES } from '../../src/zoo/recipes.js';
import { random } from '../random.js';

const BATCH = 4;

const optionsOf = (model: RecipeModel) =>
  model === 'lfc'
    ? { classes: 3, inputSize: 8, channels: 1 }
    : { classes: 3, inputSize: 16, channels: 3, width: 8 };

/** The losses of three steps on one batch, and how many weights have moved. */
async function steps(phase: RecipePhase, model: RecipeModel, teacher: Teacher | undefined) {
  const network = phase.model(optionsOf(model)) as never as Parameters<typeof trainingStep>[0];
  const state = network.init(1);
  const step = trainingStep(network, state, {
    batchSize: BATCH,
    loss: phase.loss,
    optimizer: phase.optimizer,
    teacher,
    ...(phase.constraint && { constraint: phase.constraint }),
  });
  const draw = random(4);
  const shape = [BATCH, ...(network.input.shape.slice(1) as number[])];
  const pixels = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => 2 * draw() - 1);
  const targets = new Float32Array(BATCH * 3);
  for (let i = 0; i < BATCH; i++) targets[i * 3 + (i % 3)] = 1;
  const session = Session.fromGraph(step.graph, { threads: 1 });
  const losses: number[] = [];
  for (let at = 1; at <= 3; at++) {
    const feeds = {
      image: new Tensor('f32', pixels, shape),
      targets: new Tensor('f32', targets, [BATCH, 3]),
      ...step.numbers(0.1, at),
    };
    const { loss } = (await session.run(feeds as never)) as Record<string, Tensor>;
    losses.push(loss!.data[0] as number);
  }
  await session.release();
  return losses;
}

const CASES = Object.values<Recipe>(RECIPES).flatMap((recipe) =>
  recipe.models
    .filter((model) => model === 'vgg-small' || model === 'lfc')
    .flatMap((model) =>
      recipe.phases(model).map((phase) => [recipe.name, model, phase.name, phase] as const),
    ),
);

describe('a step trains', () => {
  test.each(CASES)('%s of %s: %s', async (_recipe, model, _name, phase) => {
    const float = FLOAT_NETWORKS[model](optionsOf(model)) as never as Parameters<
      typeof trainingStep
    >[0];
    const teacher = phase.teacher === 'given' ? { model: float, state: float.init(2) } : undefined;
    const losses = await steps(phase, model, teacher);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(new Set(losses).size).toBe(3);
  });
});

test('the models of a recipe are those that it says', () => {
  for (const recipe of Object.values<Recipe>(RECIPES)) {
    for (const model of RECIPE_MODELS) {
      if (recipe.models.includes(model)) expect(recipe.phases(model).length).toBeGreaterThan(0);
      else expect(() => recipe.phases(model)).toThrow(/expected a model of resnet-20/);
    }
  }
  expect(RECIPES.xnor.models).toEqual(['resnet-20', 'resnet-18', 'vgg-small', 'lfc']);
  expect(RECIPES['real-to-binary'].models).toEqual(['resnet-20', 'resnet-18']);
});

describe('parts that are left out', () => {
  const recipe: Recipe = RECIPES['real-to-binary'];
  const names = (without: RecipePart[]) =>
    phasesOf(recipe, 'resnet-20', without).map(({ name }) => name);
  const parameters = (without: RecipePart[]) =>
    phasesOf(recipe, 'resnet-20', without)
      .at(-1)!
      .model(optionsOf('resnet-20'))
      .parameters.map(({ name }) => name);

  test('without stages a binary network is trained from scratch', () => {
    expect(names(['stages'])).toEqual(['teacher', 'student3']);
    const [only, ...others] = phasesOf(RECIPES['bi-real'], 'resnet-20', ['stages']);
    expect(others).toEqual([]);
    expect(only).toMatchObject({ name: 'binary', share: 1, continues: false });
  });

  test('without the gate a scale is learned, without double shortcuts units stand in pairs', () => {
    expect(parameters([])).toContain('layer1/5/gate/reduce/weight');
    expect(parameters(['gate']).filter((name) => name.includes('gate'))).toEqual([]);
    expect(parameters(['gate'])).toContain('layer1/5/scale/channel');
    const pairs = parameters(['double-shortcut']);
    expect(pairs).toContain('layer3/2/unit2/gate/expand/weight');
    expect(pairs.filter((name) => /^layer1\/[3-5]/.test(name))).toEqual([]);
  });

  const trained: RecipePart[][] = [
    ['stages', 'gate'],
    ['double-shortcut', 'attention'],
  ];
  test.each(trained.map((without) => [without.join(', '), without] as const))(
    'each phase trains without %s',
    async (_what, without) => {
      const options = optionsOf('resnet-20');
      let previous: Teacher | undefined;
      for (const phase of phasesOf(recipe, 'resnet-20', without)) {
        const losses = await steps(phase, 'resnet-20', previous);
        expect(losses.every(Number.isFinite)).toBe(true);
        expect(new Set(losses).size).toBe(3);
        const model = phase.model(options);
        previous = { model: model as never, state: model.init(1) };
      }
    },
  );

  test('attention changes the loss', async () => {
    const float = FLOAT_NETWORKS['resnet-20'](optionsOf('resnet-20'));
    const teacher = { model: float as never, state: float.init(2) };
    const first = async (without: RecipePart[]) =>
      (await steps(phasesOf(recipe, 'resnet-20', without)[1]!, 'resnet-20', teacher))[0]!;
    expect(await first([])).toBeGreaterThan(await first(['attention']));
  });

  test('a part that a recipe lacks is refused, and what it has is named', () => {
    expect(() => phasesOf(RECIPES['bi-real'], 'resnet-20', ['gate'])).toThrow(
      'without "bi-real": expected a part of stages but received "gate"',
    );
    expect(() => phasesOf(RECIPES.float, 'resnet-20', ['gate'])).toThrow(/a part of none/);
  });
});

test('VGG-Small has the channels of the paper, and binary convolutions but for the first', () => {
  const network = RECIPES.xnor.phases('vgg-small')[0]!.model({ classes: 10 });
  const weights = network.parameters.filter(({ role }) => role === 'weight');
  expect(weights.map(({ shape }) => shape[0])).toEqual([128, 128, 256, 256, 512, 512, 10]);
  expect(weights.map(({ precision }) => precision)).toEqual([
    ...[undefined, 1, 1, 1, 1, 1],
    undefined,
  ]);
  expect(weights.at(-1)!.shape).toEqual([10, 4 * 4 * 512]);
});

/**
 * How the papers train their networks, as far as a data set of small pictures goes: which network
 * in which phases, with which loss, optimizer and schedule. Epochs are shares of the whole, so that
 * a recipe scales. Not here: training itself (src/train), data.
 */

import { unknownName } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { flip } from '../data/augment/flip.js';
import { randomCrop } from '../data/augment/random-crop.js';
import * as nn from '../nn/index.js';
import {
  attentionMatching,
  crossEntropy,
  distillation,
  distributionalLoss,
} from '../train/losses.js';
import { adam, sgd } from '../train/optimizer.js';
import { cosine, linear } from '../train/schedules.js';
import type { Loss, ParameterGroup } from '../train/step.js';
import { warmUp } from '../train/warm-up.js';
import { type BiRealOptions, type BiRealStage, biReal20, biRealCifar18 } from './bi-real-net.js';
import { lfc, lfcFloat } from './finn.js';
import type { Network, NetworkOptions } from './network.js';
import { type ReActOptions, reActBiReal20, reActBiRealCifar18 } from './react-net.js';
import { type RealToBinaryOptions, realToBinary20, realToBinaryCifar18 } from './real-to-binary.js';
import type { Constraint, Recipe, RecipeModel, RecipePart, RecipePhase } from './recipe.js';
import { bwn20, bwnCifar18, resnet20, resnetCifar18 } from './resnet.js';
import { type VggBlock, type VggOptions, vggSmall } from './vgg-small.js';
import { xnor20, xnorCifar18 } from './xnor-net.js';

type Parameter = nn.Parameter;

/** Builds the network of a recipe. */
export type NetworkBuilder<O> = (options: O) => Network;

/** The network of a recipe by the name of a model; a recipe has some of them. */
type Networks<O> = Readonly<Partial<Record<RecipeModel, NetworkBuilder<O>>>>;

/**
 * Reflected padding of an eighth of the picture, a random crop, and a mirror image. Gray pictures
 * are taken for digits: they fill more of the picture, so they move by a fourteenth, and a mirrored
 * one is another one.
 */
const cropAndFlip: Recipe['augment'] = ({ size, color }) => [
  randomCrop({ padding: Math.max(1, Math.round(size / (color ? 8 : 14))), mode: 'reflect' }),
  ...(color ? [flip()] : []),
];

/** The decay of convolutions and dense layers, which biases and batch norms are spared. */
function decaying(make: (decay: number) => ParameterGroup['optimizer'], decay: number) {
  const isWeight = ({ role, precision }: Parameter) => role === 'weight' && precision === undefined;
  return [
    { takes: isWeight, optimizer: make(decay) },
    { takes: () => true, optimizer: make(0) },
  ];
}

const all = (optimizer: ParameterGroup['optimizer']): ParameterGroup[] => [
  { takes: () => true, optimizer },
];

const labels: Loss = ({ g, output, targets }) => crossEntropy(g, output, targets);

/** BWN and XNOR-Net keep real weights centred over their input channels and within [-1, 1]. */
const centredAndClipped: Constraint = ({ role, precision }) =>
  role === 'weight' && precision === 1
    ? (g, w) => {
        const last = w.shape.length - 1;
        const mean = g.reduce(w, 'mean', [last], { keepDims: true });
        return g.clip(g.sub(w, mean), -1, 1);
      }
    : undefined;

const within: Constraint = ({ role, precision }) =>
  role === 'weight' && precision === 1 ? (g, w) => g.clip(w, -1, 1) : undefined;

const warmLinear = (share: number) => warmUp(linear(), { share });

function pick<O>(model: RecipeModel, networks: Networks<O>): NetworkBuilder<O> {
  const found = Object.hasOwn(networks, model) ? networks[model] : undefined;
  if (found === undefined)
    throw unknownName('a model of', model, Object.keys(networks), { op: 'train' });
  return found;
}

/** VGG-Small of a block. */
const vgg =
  <O extends VggOptions>(block: VggBlock): NetworkBuilder<O> =>
  (options) =>
    vggSmall({ ...options, block });

/** Of floats: the networks that others are compared with, and teachers. */
export const FLOAT_NETWORKS = {
  'resnet-20': resnet20,
  'resnet-18': resnetCifar18,
  'vgg-small': vgg('float'),
  lfc: lfcFloat,
} satisfies Networks<NetworkOptions>;

const BWN_NETWORKS = {
  'resnet-20': bwn20,
  'resnet-18': bwnCifar18,
  'vgg-small': vgg('bwn'),
} satisfies Networks<NetworkOptions>;

/** XNOR-Net as released: without K, and without a ReLU in the stem. */
const released =
  (build: typeof xnor20): NetworkBuilder<NetworkOptions> =>
  (options) =>
    build({ ...options, activationScale: false, shortcut: 'padded', stemRelu: false });

const XNOR_NETWORKS = {
  'resnet-20': released(xnor20),
  'resnet-18': released(xnorCifar18),
  'vgg-small': vgg('xnor'),
  lfc,
} satisfies Networks<NetworkOptions>;

const BI_REAL_NETWORKS = {
  'resnet-20': biReal20,
  'resnet-18': biRealCifar18,
  'vgg-small': vgg('biReal'),
} satisfies Networks<BiRealOptions & VggOptions>;

const REACT_NETWORKS = {
  'resnet-20': reActBiReal20,
  'resnet-18': reActBiRealCifar18,
  'vgg-small': vgg('reAct'),
} satisfies Networks<ReActOptions & VggOptions>;

const REAL_TO_BINARY_NETWORKS = {
  'resnet-20': realToBinary20,
  'resnet-18': realToBinaryCifar18,
} satisfies Networks<RealToBinaryOptions>;

const namesOf = (networks: object) => Object.keys(networks) as RecipeModel[];

const RESNET = 'He et al., CVPR 2016, arXiv 1512.03385';
const XNOR = 'Rastegari et al., ECCV 2016, arXiv 1603.05279';

/** The recipes of the papers by name. */
export const RECIPES = {
  float: {
    name: 'float',
    about: 'a ResNet of floats: SGD with Nesterov momentum, warm-up and cosine',
    paper: RESNET,
    epochs: 30,
    batchSize: 256,
    augment: cropAndFlip,
    models: namesOf(FLOAT_NETWORKS),
    parts: [],
    phases: (model) => [
      {
        name: 'train',
        share: 1,
        model: pick(model, FLOAT_NETWORKS),
        loss: labels,
        optimizer: decaying(
          (decay) => sgd({ rate: 0.2, momentum: 0.9, nesterov: true, decay }),
          5e-4,
        ),
        schedule: warmUp(cosine(), { share: 0.08 }),
        continues: false,
        init: nn.fanInUniform,
      },
    ],
  },
  bwn: {
    name: 'bwn',
    about: 'Binary Weight Network: weights alpha sign(W), activations of floats',
    paper: XNOR,
    epochs: 30,
    batchSize: 256,
    augment: cropAndFlip,
    models: namesOf(BWN_NETWORKS),
    parts: [],
    phases: (model) => [
      {
        name: 'train',
        share: 1,
        model: pick(model, BWN_NETWORKS),
        loss: labels,
        optimizer: all(adam({ rate: 2e-3 })),
        schedule: warmLinear(0.02),
        continues: false,
        constraint: centredAndClipped,
        init: nn.fanInUniform,
      },
    ],
  },
  xnor: {
    name: 'xnor',
    about: 'XNOR-Net as released: binary weights and activations, without the scale K',
    paper: XNOR,
    epochs: 30,
    batchSize: 256,
    augment: cropAndFlip,
    models: namesOf(XNOR_NETWORKS),
    parts: [],
    phases: (model) => [
      {
        name: 'train',
        share: 1,
        model: pick<NetworkOptions>(model, XNOR_NETWORKS),
        loss: labels,
        optimizer: all(adam({ rate: 2e-3 })),
        schedule: warmLinear(0.02),
        continues: false,
        constraint: centredAndClipped,
        init: nn.fanInUniform,
      },
    ],
  },
  'bi-real': {
    name: 'bi-real',
    about: 'Bi-Real Net in its stages: ReLU, leaky clip, clip, binary',
    paper: 'Liu et al., ECCV 2018, arXiv 1808.00278',
    epochs: 60,
    batchSize: 256,
    augment: cropAndFlip,
    models: namesOf(BI_REAL_NETWORKS),
    parts: ['stages'],
    phases(model, without = []) {
      const build = pick<BiRealOptions & VggOptions>(model, BI_REAL_NETWORKS);
      const stage = (name: BiRealStage, share: number, rate: number, continues: boolean) => ({
        name,
        share,
        model: (options: NetworkOptions) => build({ ...options, stage: name, init: nn.heNormal }),
        loss: labels,
        optimizer: all(adam({ rate })),
        schedule: warmLinear(0.02),
        continues,
      });
      if (without.includes('stages')) return [stage('binary', 1, 2.5e-3, false)];
      return [
        stage('relu', 0.2, 2.5e-3, false),
        stage('leakyClip', 0.1, 1e-3, true),
        stage('clip', 0.1, 1e-3, true),
        stage('binary', 0.6, 2.5e-3, true),
      ];
    },
  },
  'real-to-binary': {
    name: 'real-to-binary',
    about: 'Real-to-Binary: four stages, each taught by the one before',
    paper: 'Martinez et al., ICLR 2020, arXiv 2003.11535',
    epochs: 120,
    batchSize: 256,
    augment: cropAndFlip,
    models: namesOf(REAL_TO_BINARY_NETWORKS),
    parts: ['stages', 'double-shortcut', 'gate', 'attention'],
    phases: (model, without = []) => realToBinaryPhases(model, without),
  },
  reactnet: {
    name: 'reactnet',
    about: 'ReActNet on Bi-Real blocks: binary activations first, then weights too, by a teacher',
    paper: 'Liu et al., ECCV 2020, arXiv 2003.03488',
    epochs: 30,
    batchSize: 256,
    augment: cropAndFlip,
    models: namesOf(REACT_NETWORKS),
    parts: [],
    phases(model) {
      const build = pick<ReActOptions & VggOptions>(model, REACT_NETWORKS);
      const step = (name: string, weights: 'real' | 'binary', decay: number) => ({
        name,
        share: 0.5,
        model: (options: NetworkOptions) => build({ ...options, weights, init: nn.heNormal }),
        loss: ({ g, output, teacher }: Parameters<Loss>[0]) =>
          distributionalLoss(g, output, teacher!.output),
        optimizer: decaying((own) => adam({ rate: 2.5e-3, decay: own }), decay),
        schedule: warmLinear(0.02),
        continues: weights === 'binary',
        teacher: 'given' as const,
      });
      return [step('step1', 'real', 1e-5), step('step2', 'binary', 0)];
    },
  },
} as const satisfies Readonly<Record<string, Recipe>>;

/** The name of a recipe. */
export type RecipeName = keyof typeof RECIPES;

/**
 * A teacher of floats, then its three students; each is taught by the network before it. The loss
 * is larq-zoo's: labels, 30 times attention matching at the end of every block, 3 times
 * distillation; in the last stage labels and 0.8 times distillation. Without stages the binary
 * network is taught by the teacher of floats, with the loss and rate of a first stage.
 */
function realToBinaryPhases(
  model: RecipeModel,
  without: readonly RecipePart[],
): readonly RecipePhase[] {
  const build = pick<RealToBinaryOptions>(model, REAL_TO_BINARY_NETWORKS);
  const has = (part: RecipePart) => !without.includes(part);
  const shortcut = has('double-shortcut') ? 'double' : 'single';
  const scale = has('gate') ? 'gate' : 'learned';
  // A residual block of the teacher is as much as two units with shortcuts of their own.
  const [points, layers] = model === 'resnet-20' ? [3, 3] : [2, 4];
  const ends = (blocks: boolean) =>
    Array.from({ length: layers * points }, (_, i) => {
      const [layer, block] = [Math.floor(i / points) + 1, i % points];
      return `layer${layer}/${blocks ? block : 2 * block + 1}`;
    });
  const matched: (ofFloats: boolean) => Loss = (ofFloats) => (parts) => {
    const { g, output, targets, layer, teacher } = parts;
    const own = crossEntropy(g, output, targets);
    const loss = g.add(own, g.mul(distillation(g, output, teacher!.output), 3));
    if (!has('attention')) return loss;
    const ours = ends(shortcut === 'single');
    const theirs = ends(ofFloats || shortcut === 'single');
    const distances = ours.map((path, i) =>
      attentionMatching(g, layer(path), teacher!.layer(theirs[i]!), { normalization: 'max' }),
    );
    const sum = distances.reduce((a, b) => g.add(a, b));
    return g.add(loss, g.mul(sum, 30 / distances.length));
  };
  const answers: Loss = ({ g, output, targets, teacher }) =>
    g.add(crossEntropy(g, output, targets), g.mul(distillation(g, output, teacher!.output), 0.8));
  const phase = (
    number: 1 | 2 | 3,
    {
      share,
      rate,
      loss,
      continues,
    }: Pick<RecipePhase, 'share' | 'loss' | 'continues'> & {
      readonly rate: number;
    },
  ): RecipePhase => ({
    name: `student${number}`,
    share,
    model: (options) => build({ ...options, student: number, shortcut, scale }),
    loss,
    optimizer: decaying((decay) => adam({ rate, decay }), 1e-5),
    schedule: warmLinear(0.05),
    continues,
    teacher: 'previous',
    ...(number === 3 && { constraint: within }),
  });
  const teacher: RecipePhase = {
    ...RECIPES.float.phases(model)[0]!,
    name: 'teacher',
    share: 0.25,
    teaches: true,
  };
  if (!has('stages'))
    return [teacher, phase(3, { share: 0.75, rate: 1e-3, loss: matched(true), continues: false })];
  return [
    teacher,
    phase(1, { share: 0.25, rate: 1e-3, loss: matched(true), continues: false }),
    phase(2, { share: 0.25, rate: 1e-3, loss: matched(false), continues: false }),
    phase(3, { share: 0.25, rate: 2e-4, loss: answers, continues: true }),
  ];
}

/**
 * The phases of a recipe, some of its parts left out.
 * @throws BitplaneError ERR_ARGUMENT for a model that it does not train, a part that it lacks
 */
export function phasesOf(
  recipe: Recipe,
  model: RecipeModel,
  without: readonly RecipePart[] = [],
): readonly RecipePhase[] {
  const site = { op: 'train' };
  if (typeof recipe?.phases !== 'function' || !Array.isArray(recipe.parts))
    throw expected('ERR_ARGUMENT', 'a recipe', recipe, site);
  if (!Array.isArray(without)) throw expected('ERR_ARGUMENT', 'a list of parts', without, site);
  const strange = without.find((part) => !recipe.parts.includes(part));
  if (strange !== undefined)
    throw unknownName('a part of', strange, recipe.parts, { op: 'without', node: recipe.name });
  return recipe.phases(model, without);
}

/**
 * The recipe of a paper by its name.
 * @throws BitplaneError ERR_ARGUMENT listing the recipes
 */
export function recipeOf(name: string): Recipe {
  if (!Object.hasOwn(RECIPES, name))
    throw unknownName('a recipe of', String(name), Object.keys(RECIPES), { op: 'train' });
  return RECIPES[name as RecipeName];
}

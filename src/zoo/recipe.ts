/**
 * What a recipe is: phases of training, the models and parts that it has. Not here: any recipe
 * (./recipes.ts).
 */
import type { Augmentation } from '../data/augment/augmentation.js';
import type * as nn from '../nn/index.js';
import type { Schedule } from '../train/schedule.js';
import type { Loss, ParameterGroup, TrainingStepOptions } from '../train/step.js';
import type { Network, NetworkOptions } from './network.js';

/** What parameters are kept within after a step. */
export type Constraint = NonNullable<TrainingStepOptions['constraint']>;

/** A phase of a training: the network, its loss, its optimizer, its rate. */
export interface RecipePhase {
  /** What it is called. */
  readonly name: string;
  /** Share of the recipe's epochs. */
  readonly share: number;
  /** Builds the network of this phase. */
  readonly model: (options: NetworkOptions) => Network;
  /** What is made small. */
  readonly loss: Loss;
  /** Groups of parameters, and the optimizer of each. */
  readonly optimizer: readonly ParameterGroup[];
  /** Of the rate. */
  readonly schedule: Schedule;
  /** Whether it begins with what the phase before ended with. */
  readonly continues: boolean;
  /** The network that the loss compares with: that of the phase before, or one that is given. */
  readonly teacher?: 'previous' | 'given';
  /** True for a phase that trains the teacher of the next; left out where a teacher is given. */
  readonly teaches?: true;
  /** What parameters are kept within after a step. */
  readonly constraint?: Constraint;
  /** What weights begin with. Default: what the network says. */
  readonly init?: nn.Initializer;
}

/** How a paper trains its networks: phases, pictures a step, augmentation. */
export interface Recipe {
  /** What it is called. */
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  /** Where it is from. */
  readonly paper: string;
  /** Where none are given. */
  readonly epochs: number;
  /** Pictures a step. */
  readonly batchSize: number;
  /** What is done to pictures by chance. */
  readonly augment: (pictures: {
    readonly size: number;
    /** Gray pictures are digits to a recipe. */
    readonly color: boolean;
  }) => Augmentation[];
  /** The networks that it trains. */
  readonly models: readonly RecipeModel[];
  /** What it can do without, so that it shows what each part brings. */
  readonly parts: readonly RecipePart[];
  /**
   * What is trained, in order, each beginning with what the one before ended with.
   * @throws BitplaneError ERR_ARGUMENT for a model that it does not train, a part it lacks
   */
  phases(model: RecipeModel, without?: readonly RecipePart[]): readonly RecipePhase[];
}

/**
 * Parts of recipes. `stages`: what comes before the binary network, whose training then begins from
 * scratch. Of Real-to-Binary: `double-shortcut`, a shortcut around every convolution; `gate`, the
 * scale that is computed from the input; `attention`, the loss that compares maps.
 */
export const RECIPE_PARTS = ['stages', 'double-shortcut', 'gate', 'attention'] as const;
/** A part of a recipe that may be left out. */
export type RecipePart = (typeof RECIPE_PARTS)[number];

/** Which network a recipe trains. */
export type RecipeModel = (typeof RECIPE_MODELS)[number];
export const RECIPE_MODELS = ['resnet-20', 'resnet-18', 'vgg-small', 'lfc'] as const;

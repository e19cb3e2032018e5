/**
 * The zoo, as `import { zoo } from 'bitplane'` gives it: the networks of the papers, with weights
 * as training would begin (model.init) or as it might end (exampleState). Not here: trained
 * weights.
 */
export {
  type BiRealOptions,
  type BiRealStage,
  biReal18,
  biReal20,
  biReal34,
  biRealBlock,
  biRealCifar18,
} from './bi-real-net.js';
export { exampleState } from './example-state.js';
export { cnv, type FinnOptions, lfc, lfcFloat, sfc, tfc } from './finn.js';
export type { Block, Network, NetworkOptions } from './network.js';
export {
  BI_REAL_NAMES,
  importState,
  type NameRule,
  namesIn,
  REACT_BI_REAL_NAMES,
  REACT_NET_A_NAMES,
  RESNET_NAMES,
} from './pytorch.js';
export { quickNet } from './quick-net.js';
export {
  type ConvOptions,
  type ReActOptions,
  reActBiReal18,
  reActBiReal20,
  reActBiRealBlock,
  reActBiRealCifar18,
  reActBlock,
  reActNetA,
} from './react-net.js';
export {
  type HalfBlockOptions,
  halfBlock,
  type RealToBinaryOptions,
  realToBinary18,
  realToBinary20,
  realToBinaryCifar18,
  strongBaseline18,
  strongBaseline20,
  strongBaselineCifar18,
} from './real-to-binary.js';
export type { Constraint, Recipe, RecipeModel, RecipePart, RecipePhase } from './recipe.js';
export { type NetworkBuilder, phasesOf, RECIPES, type RecipeName, recipeOf } from './recipes.js';
export { ZOO, type ZooEntry, zooEntry, zooGraph } from './registry.js';
export {
  basicBlock,
  bwn18,
  bwn20,
  bwnCifar18,
  type Inputs,
  resnet18,
  resnet20,
  resnet34,
  resnetCifar18,
  type Shortcut,
  type Weights,
} from './resnet.js';
export { type Trained, type TrainRecipeOptions, trainRecipe } from './train-recipe.js';
export { type VggBlock, type VggOptions, vggSmall } from './vgg-small.js';
export {
  type UnitOptions,
  type XnorConvOptions,
  type XnorOptions,
  xnor18,
  xnor20,
  xnorBlock,
  xnorCifar18,
  xnorConv,
} from './xnor-net.js';

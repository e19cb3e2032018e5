/**
 * Chooses the recipe that a command uses for a model. Not here: reading one (src/data/recipe.ts).
 */
import { BitplaneError } from '../core/errors.js';
import { fittedRecipe } from '../data/fit-input.js';
import {
  carriedRecipe,
  defaultRecipe,
  type Recipe,
  readRecipe,
  recipeBeside,
} from '../data/recipe.js';
import type { Graph } from '../graph/value.js';
import { isZooName } from './zoo-name.js';

/**
 * The recipe for a model. The file that the user named comes first, then the file beside the
 * model, then the recipe that the model carries. Undefined for a model without a recipe.
 * @throws BitplaneError ERR_IO, ERR_FORMAT where there is one and it is damaged
 */
export async function knownRecipe(
  model: string,
  graph: Graph,
  named?: string,
): Promise<Recipe | undefined> {
  if (named !== undefined) return readRecipe(named);
  return (
    (isZooName(model) ? undefined : await recipeBeside(model)) ??
    carriedRecipe(graph.metadata, model)
  );
}

/**
 * `knownRecipe`, else the default for the shape of the model's first input; where it says no size
 * of pictures, with that of the input.
 */
export async function findRecipe(model: string, graph: Graph, named?: string): Promise<Recipe> {
  const shape = graph.inputs[0]?.shape ?? [];
  return fittedRecipe(shape, (await knownRecipe(model, graph, named)) ?? defaultRecipe(shape));
}

/** What a command says of a recipe that `findRecipe` gave. */
export function recipeNotes(model: string, { isDefault, source }: Recipe): string[] {
  return isDefault === true ? [`no preprocessing is known for ${model}: ${source}`] : [];
}

/** `knownRecipe` for commands that need none: where it is damaged, a sentence says so. */
export async function tryRecipe(
  model: string,
  graph: Graph,
): Promise<{ recipe?: Recipe | undefined; problem?: string }> {
  try {
    return { recipe: await knownRecipe(model, graph) };
  } catch (error) {
    if (error instanceof BitplaneError)
      return { problem: `no recipe could be read: ${error.message}` };
    throw error;
  }
}

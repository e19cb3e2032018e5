/**
 * What of the package's own code commands load when they are asked for it. A part that is loaded
 * later is a file of the command line (scripts/build-ts.mjs says why), so these names pass through
 * this one.
 */
import { openStore } from '../formats/model.js';
import { RECIPES } from '../zoo/recipes.js';
import { ZOO } from '../zoo/registry.js';

export { zooGraph } from '../zoo/registry.js';

/** The names of the networks of the zoo. */
export const zooNames = (): string[] => Object.keys(ZOO);

/** The names of the recipes that train. */
export const recipeNames = (): string[] => Object.keys(RECIPES);

/** The names of a store's tasks. @throws BitplaneError as `openStore` does */
export async function taskNames(store: string): Promise<string[]> {
  return (await openStore(store)).tasks.map(({ name }) => name);
}

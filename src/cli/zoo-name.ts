/**
 * Recognises `zoo:NAME` without importing the zoo, so that commands on files do not load it.
 */

/** What the name of a network of the zoo begins with, as MODEL. */
export const ZOO_PREFIX = 'zoo:';

/** The note beside every result of a network of the zoo. */
export const SEEDED =
  'its weights are seeded random numbers: times and sizes mean something, answers do not';

/** True for a text that names a network of the zoo, known or not. */
export function isZooName(model: string): boolean {
  return model.startsWith(ZOO_PREFIX);
}

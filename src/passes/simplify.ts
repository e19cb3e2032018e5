/**
 * The rules that every pass on the way to a program applies beside its own: constants folded, nodes
 * that compute nothing dropped. Not here: any of them.
 */
import { foldRules } from './fold.js';
import { composeRepeats, dropIdentities } from './identities.js';
import { firstOf, type Rule } from './rewrite.js';

/**
 * The rules, for the passes over one graph. What they have left as it is they leave for good, so
 * only the first pass asks: they go by the value and what it depends on, and their budget only
 * shrinks.
 */
export function simplifying(): Rule {
  const left = new WeakSet<object>();
  return (value, site) => {
    if (left.has(value)) return undefined;
    const replacement = RULES(value, site);
    if (replacement === undefined) left.add(value);
    return replacement;
  };
}

const RULES: Rule = firstOf(foldRules, dropIdentities, composeRepeats);

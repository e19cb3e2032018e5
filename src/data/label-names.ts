/**
 * Finds the label of a network that the name of a folder or file means, and the nearest labels
 * where it means none. Not here: folders.
 *
 * A name that starts with a WordNet id (n and eight digits) means the labels that start with the
 * same id. Any other name means the labels it equals, or else the labels it equals a part of:
 * labels list synonyms with commas ("tench, Tinca tinca"). Case is ignored, and _, - and blanks are
 * one.
 */
import { editDistance } from '../core/nearest.js';

const WORDNET_ID = /^n\d{8}/;

const plain = (text: string) =>
  text
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ')
    .trim();

/** A label without its WordNet id. */
const bare = (label: string) => plain(label.replace(WORDNET_ID, ''));
const synonyms = (label: string) => bare(label).split(/ ?, ?/);

/**
 * Gives the indices of all labels that a name means: none, one, or several where the name is
 * ambiguous.
 */
export function labelFinder(labels: readonly string[]): (name: string) => readonly number[] {
  const index = (keys: (label: string) => readonly string[]) => {
    const found = new Map<string, number[]>();
    for (const [i, label] of labels.entries())
      for (const key of new Set(keys(label))) found.set(key, [...(found.get(key) ?? []), i]);
    return found;
  };
  const byId = index((label) => WORDNET_ID.exec(label) ?? []);
  const whole = index((label) => [plain(label), bare(label)]);
  const parts = index(synonyms);
  return (name) => {
    // An id that no label has is another class, even if the word behind the id matches a label.
    const key = byId.size === 0 ? bare(name) : plain(name);
    return byId.get(WORDNET_ID.exec(name)?.[0] ?? '') ?? whole.get(key) ?? parts.get(key) ?? [];
  };
}

/**
 * The labels most like `name`: first those that hold all of its words, then the others by the
 * smallest edit distance of a synonym.
 */
export function nearestLabels(name: string, labels: readonly string[], count = 3): string[] {
  const wanted = bare(name);
  const words = wanted.split(' ');
  const scored = labels.map((label, order) => {
    const held = new Set(bare(label).split(/[ ,]+/));
    const contains = words.every((word) => held.has(word)) ? 0 : 1;
    const distance = synonyms(label).reduce(
      (least, synonym) => Math.min(least, editDistance(wanted, synonym)),
      Infinity,
    );
    return { label, contains, distance, order };
  });
  scored.sort((a, b) => a.contains - b.contains || a.distance - b.distance || a.order - b.order);
  return scored.slice(0, count).map(({ label }) => label);
}

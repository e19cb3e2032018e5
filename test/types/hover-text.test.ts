/**
 * What an editor shows under the cursor: every public name says what it is, and every function what
 * it throws; every type that a public signature speaks of can be imported. Reads the declarations
 * in dist, as users have them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hiddenTypes, publicNames } from '../../scripts/declarations.mjs';

const index = join(import.meta.dirname, '..', '..', 'dist', 'index.d.ts');
const names = existsSync(index) ? publicNames(index) : [];
if (names.length === 0) console.warn('SKIPPED, dist is not built: texts of public names');
const built = test.skipIf(names.length === 0);

/** The words of a text, and those that a name consists of. */
const words = (text: string) => text.toLowerCase().match(/[a-z]{2,}/g) ?? [];
const wordsOf = (name: string) => words(name.replace(/([a-z])([A-Z])/g, '$1 $2'));

built('there are as many public names as ever', () => {
  expect(names.length).toBeGreaterThan(1300);
  expect(names.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['Session.create', 'Batcher.run', 'data.mnist', 'RunOptions.signal']),
  );
});

built('a public name has no text, or one that only repeats it', () => {
  const bare = names.filter(({ name, doc }) => {
    const own = new Set(wordsOf(name.split('.').at(-1) as string));
    // What it is, before what it takes and throws.
    const [text = ''] = doc.split(/^@/m);
    return words(text).filter((word) => !own.has(word)).length === 0 && !/\[|\d/.test(text);
  });
  expect(bare.map(({ name, file }) => `${name} in ${file}`)).toEqual([]);
});

built('a function with parameters does not say what it throws, or that it does not', () => {
  const silent = names.filter(
    ({ kind, text, doc }) =>
      kind === 'function' &&
      !/\(\)/.test(text.split('\n')[0] as string) &&
      !/@throws|ERR_|Never throws|Arguments are not checked|Options are checked when/.test(doc),
  );
  expect(silent.map(({ name, file }) => `${name} in ${file}`)).toEqual([]);
});

built('a public signature speaks of a type that nobody can import', () => {
  const hidden = hiddenTypes(index);
  expect(hidden.map(({ word, by }) => `${word} by ${by}`)).toEqual([]);
});

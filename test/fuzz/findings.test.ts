/**
 * The minimal files of faults that `npm run fuzz` has found: each is refused with a BitplaneError
 * or runs in every way with the same result, within seconds. The file of a mended fault joins
 * test/golden/fuzz; its extension names the reader. Not here: finding more.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

interface Tried {
  readonly outcome: string;
  readonly problem: { readonly kind: string; readonly sentence: string } | undefined;
}

const ROOT = join(import.meta.dirname, '..', '..');
const FILES = join(ROOT, 'test', 'golden', 'fuzz');
/** Several, because the seed decides the feeds and the options that are tried. */
const SEEDS = [0, 1, 2, 3];
const folder = mkdtempSync(join(tmpdir(), 'bitplane-findings-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { attempt } = (await import(join(ROOT, 'scripts', 'fuzz', 'try.mjs'))) as {
  attempt(reader: string, bytes: Uint8Array, options: object): Promise<Tried>;
};

describe('a past finding', () => {
  test.each(readdirSync(FILES))('%s', async (file) => {
    const bytes = readFileSync(join(FILES, file));
    for (const seed of SEEDS) {
      const { problem } = await attempt(extname(file).slice(1), bytes, { folder, seed });
      expect(problem).toBeUndefined();
    }
  });

  test('would be noticed: an error that is no BitplaneError is a problem', async () => {
    const { problem } = await attempt('no such reader', new Uint8Array(), { folder, seed: 0 });
    expect(problem?.kind).toMatch(/^TypeError/);
  });
});

/**
 * What `npm run fuzz` has found, made minimal: each file is refused with a BitplaneError or runs in
 * every way with the same result, within seconds. A finding that is mended joins test/golden/fuzz;
 * its extension names the reader. Not here: finding more.
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
/** Several, because the seed decides the feeds and what else is tried. */
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

  test('would be seen: an error that is none of ours is a problem', async () => {
    const { problem } = await attempt('no such reader', new Uint8Array(), { folder, seed: 0 });
    expect(problem?.kind).toMatch(/^TypeError/);
  });
});

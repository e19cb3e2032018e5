/** The snippets of docs/methods, each page one program. */
import { readFileSync } from 'node:fs';
import { transform } from 'esbuild';
import { expect, test } from 'vitest';
import * as bitplane from '../../src/index.js';

test.each([
  ['dfq', 'result.layers.length', 2],
  ['aciq', 'bits.length', 3],
  ['fusion', 'first.data.length', 3],
  ['zeroq', 'result.layers.length + chosen.bits.size', 4],
  ['gdfq', 'result.history.length', 2],
  ['zaq', 'result.taps.length', 1],
])('a snippet of docs/methods/%s.md does not run', async (page, result, want) => {
  const url = new URL(`../../docs/methods/${page}.md`, import.meta.url);
  const blocks = [...readFileSync(url, 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)];
  const text = blocks
    .map(([, code]) => code)
    .join('\n')
    .replace(/^import \{([^}]*)\} from 'bitplane';$/gm, 'const {$1} = bitplane;');
  const { code } = await transform(text, { loader: 'ts', target: 'es2022', format: 'esm' });
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  expect(await new AsyncFunction('bitplane', `${code}\nreturn ${result};`)(bitplane)).toBe(want);
});

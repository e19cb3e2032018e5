#!/usr/bin/env node
/**
 * Checks that no list is spread into the arguments of a call: arguments lie on the stack, and a
 * list whose length comes from a file or a caller overflows it (`Math.max(...values)`,
 * `list.push(...others)`). Lists that are known to be short are named below, each with the reason.
 * Lists spread into lists and objects are no arguments and may be of any length. Not here: any
 * other rule (biome has them).
 *
 *   node scripts/check-spreads.mjs [ROOT]     prints violations; exit code 1 if there are any
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `file: function` as it is called, and why the list is short. */
const BOUNDED = {
  'src/native/memory.ts: Math.min': 'three paths of our own',
  'src/cli/bench.ts: samples[i]?.push': 'runs within a share of a second',
};

/** Every violation under `root`, one sentence each. */
export function violations(root, bounded = BOUNDED) {
  const found = filesUnder(join(root, 'src')).flatMap((file) => {
    const path = relative(root, file).split(sep).join('/');
    return spreads(readFileSync(file, 'utf8')).map(({ line, callee }) => ({
      line,
      callee,
      path,
      key: `${path}: ${callee}`,
    }));
  });
  const met = new Set(found.map(({ key }) => key));
  return [
    ...found
      .filter(({ key }) => bounded[key] === undefined)
      .map(
        ({ path, line, callee }) =>
          `${path}:${line}: a list is spread into the arguments of ${callee}`,
      ),
    ...Object.keys(bounded)
      .filter((key) => !met.has(key))
      .map((key) => `scripts/check-spreads.mjs names a call that is not there: ${key}`),
  ];
}

/** The calls of a source text with a list spread into their arguments. */
function spreads(source) {
  const code = withoutComments(source);
  const found = [];
  for (const { index } of code.matchAll(/\.\.\./g)) {
    const open = opening(code, index);
    if (
      open === undefined ||
      code[open] !== '(' ||
      !/[\w$\])>]$/.test(code.slice(0, open).trimEnd())
    )
      continue;
    // A rest parameter has a type.
    if (/^\.\.\.[\w$]+\s*:/.test(code.slice(index))) continue;
    const callee = /[\w$.?![\]]*$/.exec(code.slice(0, open).trimEnd())?.[0] ?? '';
    found.push({ line: code.slice(0, index).split('\n').length, callee });
  }
  return found;
}

/** The bracket that is open at `index`. */
function opening(code, index) {
  for (let at = index - 1, depth = 0; at >= 0; at--) {
    if (')]}'.includes(code[at])) depth++;
    else if ('([{'.includes(code[at]) && depth-- === 0) return at;
  }
  return undefined;
}

/** Comments become spaces, so that lines keep their numbers. */
function withoutComments(source) {
  const blank = (text) => text.replace(/[^\n]/g, ' ');
  return source.replace(/\/\*[\s\S]*?\*\//g, blank).replace(/(^|\s)\/\/.*$/gm, blank);
}

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const found = violations(
    resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..')),
  );
  for (const line of found) console.error(line);
  console.error(
    found.length === 0
      ? 'no list is spread into the arguments of a call'
      : `${found.length} lists are spread into arguments`,
  );
  process.exitCode = found.length === 0 ? 0 : 1;
}

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
import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { filesUnder, runCheck, withoutComments } from './sources.mjs';

/** `file: function` as it is called, and why the list is short. */
const BOUNDED = {
  'src/native/memory.ts: Math.min': 'three paths of our own',
  'src/cli/commands/converting.ts: command': "a text in commander's language, no list",
  'src/cli/commands/running.ts: .option': "a text in commander's language, no list",
  'src/cli/bench.ts: samples[i]?.push': 'runs within a share of a second',
};

/** Every violation under `root`, one sentence each. */
export function violations(root, bounded = BOUNDED) {
  const found = filesUnder(join(root, 'src'), /\.ts$/).flatMap((file) => {
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

runCheck(import.meta.url, violations, {
  none: 'no list is spread into the arguments of a call',
  some: 'lists are spread into arguments',
});

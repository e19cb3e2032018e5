#!/usr/bin/env node
/**
 * Checks that what an op is stands with the op: outside the op's own file, the tables of ops and of
 * lowerings, and the formats (which have names of their own), no array, record, switch or condition
 * names three or more ops. Such a list is what a new op would be missing from, without a word. Code
 * that matches a pattern of ops (algebra) is named below, with its reason. And a file of src/ops
 * names no other op than its own. Not here: what the facts of an op are (src/ops/op.ts).
 *
 *   node scripts/check-op-lists.mjs [ROOT]        prints violations, exit code 1 if there are any
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { filesUnder, runCheck, withoutComments } from './sources.mjs';

/**
 * Folders that may name ops as they like: the op's own places, and those whose names are not ops'
 * (layers, networks, commands, fields of a recipe).
 */
const FREE = [
  'src/ops/',
  'src/formats/',
  'src/runtime/lower/',
  'src/nn/',
  'src/zoo/',
  'src/cli/',
  'src/data/',
];

/** Algebra: rules that are about these very ops, and workloads that are made of them. */
const ALGEBRA = {
  'src/passes/affine.ts': 'scales and shifts move through exactly the ops that are linear in them',
  'src/passes/binarize.ts': 'the ops that a cast of bits may move through',
  'src/methods/folded.ts': 'scales and shifts that stand for a batch norm are these very ops',
  'src/methods/dfq/absorb-bias.ts': 'the ops that a constant moves through unchanged',
  'src/runtime/kernel-workloads.ts': 'two epilogues to measure, which no new op belongs to',
};

const MOST = 2;

/** Every violation under `root`, one sentence each. */
export function violations(root) {
  const ops = opNames(root);
  const found = [];
  for (const file of filesUnder(join(root, 'src'), /\.ts$/)) {
    const path = relative(root, file).split(sep).join('/');
    const code = withoutComments(readFileSync(file, 'utf8'));
    if (FREE.some((prefix) => path.startsWith(prefix)) || path in ALGEBRA) continue;
    for (const { at, names } of lists(code, ops)) {
      const line = code.slice(0, at).split('\n').length;
      found.push(`${path}:${line}: names ${names.join(', ')}; such a fact belongs to each op`);
    }
  }
  found.push(...foreignFacts(root, ops));
  for (const path of Object.keys(ALGEBRA)) {
    if (!existsSync(join(root, path)))
      found.push(`scripts/check-op-lists.mjs names a file that is not there: ${path}`);
  }
  return found;
}

/** The names in the op table. */
function opNames(root) {
  const source = withoutComments(readFileSync(join(root, 'src/ops/index.ts'), 'utf8'));
  const table = /export const OPS = \{([^}]*)\}/.exec(source)?.[1] ?? '';
  return new Set(
    table
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  );
}

/** Op files whose rule is about an operand of a certain op, and why it has to be. */
const OPERANDS = {
  'src/ops/unary.ts: clip': 'the range of a rounded clip ends at the rounded bounds',
  'src/ops/multiply.ts: cast': 'a weight of one bit is written as the cast of bits',
};

/** Files of src/ops that name the op of another value. */
function foreignFacts(root, ops) {
  const folder = join(root, 'src/ops');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && name !== 'index.ts')
    .flatMap((name) => {
      const code = withoutComments(readFileSync(join(folder, name), 'utf8'));
      return [...code.matchAll(/\.op\s*[!=]==\s*'(\w+)'/g)]
        .filter(([, op]) => ops.has(op) && OPERANDS[`src/ops/${name}: ${op}`] === undefined)
        .map(([, op]) => `src/ops/${name}: states a fact of ${op}, which has a file of its own`);
    });
}

/** Arrays, objects, switches and conditions of `code` that name more than MOST ops themselves. */
function lists(code, ops) {
  const found = [];
  const groups = [];
  const text = code.replace(/'[^'\n]*'/g, (literal) =>
    ops.has(literal.slice(1, -1)) ? literal : `'${' '.repeat(literal.length - 2)}'`,
  );
  for (let at = 0; at < text.length; at++) {
    if ('([{'.includes(text[at])) groups.push({ at, names: new Set() });
    else if (')]}'.includes(text[at])) {
      const { at: start, names } = groups.pop() ?? { at: 0, names: new Set() };
      if (names.size > MOST) found.push({ at: start, names: [...names] });
    } else if (text[at] === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) break;
      const name = text.slice(at + 1, end);
      if (ops.has(name)) groups.at(-1)?.names.add(name);
      at = end;
    } else if (/[,{]\s*$/.test(text.slice(Math.max(0, at - 40), at)) && /\w/.test(text[at])) {
      // A key of an object, or a method of that name.
      const key = /^(\w+)\s*[:(,}]/.exec(text.slice(at, at + 40));
      if (key && ops.has(key[1]) && text[groups.at(-1)?.at] === '{')
        groups.at(-1)?.names.add(key[1]);
      at += (/^\w+/.exec(text.slice(at, at + 40))?.[0].length ?? 1) - 1;
    }
  }
  return found;
}

runCheck(import.meta.url, violations, {
  none: 'no list outside an op states what belongs to it',
  some: 'lists state what belongs to an op',
});

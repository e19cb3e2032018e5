#!/usr/bin/env node
/**
 * Checks two things that no formatter does: that no line is longer than 100 characters, and that
 * the files which comments point to exist. Not here: layout of code (biome, clang-format).
 *
 *   node scripts/check-columns.mjs [ROOT]     prints violations; exit code 1 if there are any
 *
 * Lines: all of src, native, test, bench and scripts but test/golden, and the Markdown files. Free
 * are rows of Markdown tables, fenced code, and URLs.
 *
 * Pointers: paths that begin with a dot count from the file's folder, those that begin with one of
 * the five folders from the root, those of a file in native also from native. A bare name with a
 * source's ending must be that of some source. Placeholders (<op>, *, NAME) end what is looked up.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { runCheck } from './sources.mjs';

const WIDTH = 100;
const FOLDERS = ['src', 'native', 'test', 'bench', 'scripts'];
const SOURCE = /\.(?:[cm]?[tj]s|cc?|h|inc|py)$/;
/** Folders of recorded data. */
const DATA = new Set(['test/golden']);
/** Markdown that points to files of this repository, and to no file that a user would make. */
const POINTING = new Set(['ARCHITECTURE.md', 'CONTRIBUTING.md']);

const POINTER = /(?<![\w./@:-])(?:\.{1,2}\/|[\w-]+\/)[\w./<>*-]*[\w<>*/]/g;
const BARE = /(?<![\w./*<>-])[\w-]+\.(?:[cm]?ts|mjs|cc|h|inc)(?![\w/(]|\.\w)/g;

/** Every violation under `root`, one sentence each. */
export function violations(root) {
  const sources = FOLDERS.flatMap((folder) => filesUnder(root, folder));
  const pages = [...entriesOf(root, ''), ...entriesOf(root, 'docs')]
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => pathOf(root, entry));
  const names = new Set(sources.map((path) => path.slice(path.lastIndexOf('/') + 1)));
  return [...sources, ...pages].sort().flatMap((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const markdown = path.endsWith('.md');
    const found = longLines(text, markdown).map(
      ({ line, length }) => `${path}:${line}: ${length} characters, more than ${WIDTH}`,
    );
    if (markdown && !POINTING.has(path)) return found;
    const prose = markdown ? withoutFences(text) : commentsOf(text);
    for (const { line, target } of danglers(root, path, prose, names))
      found.push(`${path}:${line}: no file ${target}`);
    return found;
  });
}

function longLines(text, markdown) {
  const lines = (markdown ? withoutFences(text) : text).split('\n');
  return lines.flatMap((content, i) => {
    if (markdown && content.trimStart().startsWith('|')) return [];
    const { length } = [...content.replace(/https?:\/\/[^\s)>'"`]+/g, '')];
    return length > WIDTH ? [{ line: i + 1, length }] : [];
  });
}

/** The names of files in `prose` that do not exist. */
function danglers(root, path, prose, names) {
  const found = [];
  const note = (index, target) =>
    found.push({ line: prose.slice(0, index).split('\n').length, target });
  for (const { 0: target, index } of prose.matchAll(POINTER)) {
    const places = placesOf(root, path, target);
    if (places.length > 0 && !places.some((place) => existsSync(place))) note(index, target);
  }
  for (const { 0: name, index } of prose.matchAll(BARE)) if (!names.has(name)) note(index, name);
  return found.sort((a, b) => a.line - b.line);
}

/**
 * Where `target` may be; nowhere if it does not look like a file of ours. Import specifiers, which
 * end in .js, are the compiler's.
 */
function placesOf(root, path, target) {
  if (target.endsWith('.js')) return [];
  const parts = target.split('/');
  const end = parts.findIndex((part) => /[<>*]|^[A-Z]+(?:\.|$)/.test(part));
  const known = (end < 0 ? parts : parts.slice(0, end)).join('/');
  if (target.startsWith('.')) return [join(root, dirname(path), known)];
  if (FOLDERS.includes(parts[0])) return [join(root, known)];
  const native = path.startsWith('native/') && existsSync(join(root, 'native', parts[0]));
  return native ? [join(root, 'native', known)] : [];
}

/** The text with everything but comments made blank; lines keep their numbers. */
function commentsOf(source) {
  const blank = (code) => code.replace(/[^\n]/g, ' ');
  const comment = /\/\*[\s\S]*?\*\/|(?:^|(?<=\s))(?:\/\/|#(?=\s)).*$/;
  // Strings are matched too, so that none of what stands in them is taken for a comment.
  const string = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/;
  let kept = '';
  for (const { 0: found, 1: text, index } of source.matchAll(
    new RegExp(`(${comment.source})|${string.source}`, 'gm'),
  ))
    kept += blank(source.slice(kept.length, index)) + (text ?? blank(found));
  return kept + blank(source.slice(kept.length));
}

/** The text with the lines of fenced code made empty. */
function withoutFences(text) {
  let inside = false;
  return text
    .split('\n')
    .map((line) => {
      const fence = line.trimStart().startsWith('```');
      if (fence) inside = !inside;
      return fence || inside ? '' : line;
    })
    .join('\n');
}

function filesUnder(root, folder) {
  return entriesOf(root, folder).flatMap((entry) => {
    const path = pathOf(root, entry);
    if (entry.isDirectory()) return DATA.has(path) ? [] : filesUnder(root, path);
    return SOURCE.test(path) ? [path] : [];
  });
}

function entriesOf(root, folder) {
  const at = join(root, folder);
  if (!existsSync(at) || !statSync(at).isDirectory()) return [];
  return readdirSync(at, { withFileTypes: true }).map((entry) => Object.assign(entry, { folder }));
}

const pathOf = (root, entry) =>
  relative(root, join(root, entry.folder, entry.name))
    .split(sep)
    .join('/');

runCheck(import.meta.url, violations, {
  none: `no line is longer than ${WIDTH} characters, and no comment names a file that is not there`,
  some: 'lines are too long or name a file that is not there',
});

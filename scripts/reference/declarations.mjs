/**
 * The public declarations of dist: what each name that the package exports is declared as, with its
 * docstring, read from the .d.ts files as the compiler writes them. Not here: pages (./api.mjs).
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @typedef {{ name: string, doc: string, code: string }} Declaration */
/**
 * @typedef {{ about: string, declarations: Declaration[], spaces: Record<string, Space> }} Space
 */

/** What a module exports: its own words, declarations in order of names, and namespaces. */
export function spaceOf(file) {
  const source = readFileSync(file, 'utf8');
  const exported = exportsOf(file);
  const declarations = [];
  const spaces = {};
  for (const [name, { file: from, local }] of [...exported].sort(byName)) {
    if (local === '*') spaces[name] = spaceOf(from);
    else declarations.push({ name, ...declarationOf(from, local, name) });
  }
  return {
    about: docText(/^\s*(\/\*\*[\s\S]*?\*\/)/.exec(source)?.[1] ?? ''),
    declarations,
    spaces,
  };
}

const byName = ([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1);

/** Where each exported name is declared, and as what; '*' is a whole module. */
function exportsOf(file) {
  const source = readFileSync(file, 'utf8');
  const found = new Map();
  const path = (from) => join(dirname(file), from.replace(/\.js$/, '.d.ts'));
  for (const [, names, from] of source.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm))
    for (const part of names.split(',').map((text) => text.trim())) {
      if (part === '') continue;
      const [local, name = local] = part.replace(/^type /, '').split(' as ');
      found.set(name, resolved(path(from), local));
    }
  for (const [, name, from] of source.matchAll(/^export \* as (\w+) from '([^']+)';/gm))
    found.set(name, { file: path(from), local: '*' });
  for (const [, from] of source.matchAll(/^export \* from '([^']+)';/gm))
    for (const [name, place] of exportsOf(path(from))) found.set(name, place);
  for (const [, name] of source.matchAll(
    /^export (?:declare )?(?:abstract )?(?:const|function|class|interface|type|enum) (\w+)/gm,
  ))
    found.set(name, { file, local: name });
  return found;
}

/** The file that declares a name, where `file` may hand on another's. */
function resolved(file, local) {
  return exportsOf(file).get(local) ?? { file, local };
}

/** The statements that declare a name (a function may have several), and its docstring. */
function declarationOf(file, local, name) {
  if (!existsSync(file)) throw new Error(`no ${file}: run npm run build:ts`);
  const own = statementsOf(readFileSync(file, 'utf8')).filter((statement) =>
    new RegExp(
      `^export (?:declare )?(?:abstract )?(?:const|function|class|interface|type|enum) ${local}\\b`,
    ).test(statement.code),
  );
  if (own.length === 0) throw new Error(`${file} declares no ${local}`);
  const code = own
    .map((statement) => statement.code.replace(/^export (declare )?/, ''))
    .join('\n')
    .replace(new RegExp(`\\b${local}\\b`), name)
    // What is private has no type in a declaration, and says nothing to a caller.
    .replace(/^ +(?:private|protected|#private)[^\n]*;\n/gm, '');
  return { doc: docText(own.map(({ doc }) => doc).find((doc) => doc !== '') ?? ''), code };
}

/** The statements of a declaration file, each with the docstring right before it. */
function statementsOf(source) {
  const statements = [];
  const token =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|[{}();[\]]/g;
  let depth = 0;
  let begin = 0;
  let doc = '';
  const end = (at) => {
    const code = source.slice(begin, at).trim();
    if (code !== '') statements.push({ doc, code });
    doc = '';
    begin = at;
  };
  for (const { 0: text, index } of source.matchAll(token)) {
    if (depth === 0 && text.startsWith('/*') && source.slice(begin, index).trim() === '') {
      doc = text.startsWith('/**') ? text : '';
      begin = index + text.length;
    } else if ('{(['.includes(text)) depth++;
    else if ('})]'.includes(text)) {
      depth--;
      // An interface or class ends with its brace; a type or constant goes on to a semicolon.
      const code = source.slice(begin, index).trim();
      if (
        depth === 0 &&
        text === '}' &&
        /^(export )?(declare )?(abstract )?(class|interface|enum)/.test(code)
      )
        end(index + 1);
    } else if (text === ';' && depth === 0) end(index + 1);
  }
  return statements;
}

/** A docstring without its stars; paragraphs keep their lines. */
export function docText(comment) {
  return comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();
}

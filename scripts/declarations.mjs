/**
 * The public names of the package: what `import ... from 'bitplane'` gives, the members of its
 * namespaces, and the members of its classes and interfaces, each with its docstring. Reads the
 * text of dist/*.d.ts, which the compiler has laid out: a declaration, or a member, begins on a
 * line of its own. Not here: what a docstring must say (test/types/hover-text.test.ts), pages
 * (reference/api.mjs).
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * A public name.
 * @typedef {{
 *   name: string,       'data.mnist', 'Session.create', 'RunOptions.signal'
 *   kind: 'function' | 'class' | 'interface' | 'type' | 'const' | 'method' | 'property',
 *   doc: string,        the docstring without its stars, '' where there is none
 *   text: string,       the declaration
 *   file: string,
 * }} PublicName
 */

/** Every public name that the declarations at `index` give, each once. */
export function publicNames(index) {
  const found = new Map();
  const seen = new Set();
  const visit = (file, prefix) => {
    for (const { exported, local, from } of exportsOf(file)) {
      if (local === '*') {
        visit(from, exported === undefined ? prefix : `${prefix}${exported}.`);
        continue;
      }
      const declared = declarationOf(from, local);
      if (declared === undefined) throw new Error(`${from}: no declaration of ${local}`);
      const name = `${prefix}${exported}`;
      const key = `${declared.file}#${local}`;
      if (!found.has(name)) found.set(name, { name, ...declared });
      if (seen.has(key)) continue;
      seen.add(key);
      for (const member of membersOf(declared)) {
        const full = `${name}.${member.name}`;
        const before = found.get(full);
        // Of overloads one that is documented.
        if (before === undefined || before.doc === '') found.set(full, { ...member, name: full });
      }
    }
  };
  visit(index, '');
  return [...found.values()];
}

/**
 * What a module gives, for a page.
 * @typedef {{
 *   about: string,      its own words
 *   declarations: { name: string, doc: string, code: string }[],   in order of names
 *   spaces: Record<string, Space>,                                 its namespaces
 * }} Space
 */

/** @returns {Space} */
export function spaceOf(file) {
  const spaces = {};
  const declared = [];
  for (const { exported, local, from } of all(file)) {
    if (local === '*') spaces[exported] = spaceOf(from);
    else declared.push({ name: exported, ...shown(declarationOf(from, local), local, exported) });
  }
  const [about = ''] = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(file, 'utf8')) ?? [];
  return {
    about: plain(about.split('\n')),
    declarations: declared.sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1)),
    spaces,
  };
}

/** What a file exports, that of files whose names it hands on without a namespace among it. */
function all(file) {
  return exportsOf(file).flatMap((each) =>
    each.local === '*' && each.exported === undefined ? all(each.from) : [each],
  );
}

/** A declaration as a caller sees it: what is private says nothing to one. */
function shown({ doc, text }, local, exported) {
  const code = text
    .trim()
    .replace(/^export (?:declare )?/gm, '')
    .replace(new RegExp(`\\b${local}\\b`), exported)
    .replace(/^ +\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?= +(?:private|protected))/gm, '')
    .replace(/^ +(?:private|protected|#private)[^\n]*;\n/gm, '');
  return { doc, code };
}

const DECLARATION =
  /^(?:export )?(?:declare )?(?:abstract )?(function|class|interface|type|const|let) (\w+)/;

/** What a file exports: names, the file that declares each, or a whole file. */
function exportsOf(file) {
  const text = withoutDocs(readFileSync(file, 'utf8'));
  const found = [];
  for (const [, names, from] of text.matchAll(/export (?:type )?\{([^}]*)\}(?: from '([^']+)')?;/g))
    for (const part of names.split(',').map((name) => name.trim().replace(/^type /, ''))) {
      if (part === '') continue;
      const [local, exported = local] = part.split(' as ');
      found.push({ exported, local, from: from === undefined ? file : target(file, from) });
    }
  for (const [, space, from] of text.matchAll(/export \*(?: as (\w+))? from '([^']+)';/g))
    found.push({ exported: space, local: '*', from: target(file, from) });
  for (const line of text.split('\n')) {
    const [, , name] = (line.startsWith('export ') && DECLARATION.exec(line)) || [];
    if (name !== undefined) found.push({ exported: name, local: name, from: file });
  }
  return found;
}

function target(file, from) {
  const path = resolve(dirname(file), from.replace(/\.js$/, '.d.ts'));
  if (!existsSync(path)) throw new Error(`${file}: ${from} leads nowhere`);
  return path;
}

/** The declaration of a name in a file, or in the file that it is exported from there. */
function declarationOf(file, name) {
  const all = declarations(file);
  const own = all.filter((each) => each.name === name);
  if (own.length > 0) {
    const { kind } = own[0];
    // Overloads: one of them may have the docstring of all.
    const doc = own
      .map((each) => each.doc)
      .filter((each) => each !== '')
      .join('\n');
    return { kind, doc, text: own.map((each) => each.text).join('\n'), file };
  }
  const again = exportsOf(file).find(({ exported }) => exported === name);
  return again === undefined || again.from === file
    ? undefined
    : declarationOf(again.from, again.local);
}

/** The declarations of a file: lines that begin without a blank. */
function declarations(file) {
  const found = [];
  let doc = '';
  let current;
  const lines = readFileSync(file, 'utf8').split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    if (line.startsWith('/**')) {
      const from = i;
      while (!lines[i].includes('*/')) i++;
      doc = plain(lines.slice(from, i + 1));
      current = undefined;
      continue;
    }
    const [, kind, name] = DECLARATION.exec(line) ?? [];
    if (name !== undefined) {
      current = { name, kind: kind === 'let' ? 'const' : kind, doc, text: line };
      found.push(current);
      doc = '';
    } else if (/^(import|export)\b/.test(line)) {
      // The words above it are the file's own.
      current = undefined;
      doc = '';
    } else if (current !== undefined) current.text += `\n${line}`;
  }
  return found;
}

const MEMBER = /^ {4}(?:static )?(?:readonly )?(?:get )?(?:\[Symbol\.(\w+)\]|'?([\w-]+)'?)\??[<(:]/;

/** The public members of a class or an interface. */
function membersOf({ kind, text, file }) {
  if (kind !== 'class' && kind !== 'interface') return [];
  const found = [];
  let doc = '';
  const lines = text.split('\n').slice(1);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    if (/^ {4}\/\*\*/.test(line)) {
      const from = i;
      while (!lines[i].includes('*/')) i++;
      doc = plain(lines.slice(from, i + 1));
      continue;
    }
    if (/^ {4}(private|protected|#)/.test(line)) {
      doc = '';
      continue;
    }
    const [whole, symbol, plainName] = MEMBER.exec(line) ?? [];
    if (whole === undefined) continue;
    const name = plainName ?? symbol;
    const isMethod = /[<(]$/.test(whole) || / => |: \(/.test(line);
    if (name !== 'constructor' || doc !== '')
      found.push({ name, kind: isMethod ? 'method' : 'property', doc, text: line.trim(), file });
    doc = '';
  }
  return found;
}

/** The text of a docstring. */
function plain(lines) {
  return lines
    .map((line) =>
      line
        .trim()
        .replace(/^\/\*\*\s?/, '')
        .replace(/\s*\*\/$/, '')
        .replace(/^\*\s?/, ''),
    )
    .join('\n')
    .trim();
}

function withoutDocs(text) {
  return text.replace(/\/\*\*[\s\S]*?\*\//g, '');
}

/**
 * The types that public declarations speak of and nobody can import: declared in the package, and
 * exported from it under no name. Private and protected members are no caller's; a constant behind
 * `typeof` is a value, and its type is what it says.
 */
export function hiddenTypes(index) {
  const names = publicDeclarations(index);
  const known = new Set(names.map(keyOf));
  const hidden = new Map();
  for (const { name, text, file } of names) {
    const local = declarations(file).map((each) => [each.name, { file, local: each.name }]);
    const spoken = new Map([...importsOf(file), ...local]);
    const short = shortNames(file);
    const code = shown({ doc: '', text: withoutDocs(text) }, '', '')
      .code.replace(/(['"])[^'"]*\1/g, "''")
      .replace(/\btypeof \w+/g, '')
      .replace(/\b[A-Z]\w*\b/g, (word) => short.get(word) ?? word);
    // `nn.Float` is said by a name that is exported.
    const words = [...code.matchAll(/(?<![\w.])[A-Z]\w*\b/g)].map(([word]) => spoken.get(word));
    const inline = [...withoutDocs(text).matchAll(/\bimport\("(\.[^"]*)"\)\.(\w+)/g)].map(
      ([, from, word]) => ({ file: target(file, from), local: word }),
    );
    for (const meant of [...words, ...inline]) {
      if (meant === undefined) continue;
      const word = meant.local;
      const key = keyOf(declaredAt(meant));
      if (!known.has(key) && !hidden.has(key)) hidden.set(key, { word, file, by: name });
    }
  }
  return [...hidden.values()];
}

/** What the names say that a file gives to other types for itself: `type Float = Value<'f32'>`. */
function shortNames(file) {
  const lines = withoutDocs(readFileSync(file, 'utf8')).split('\n');
  return new Map(
    lines.flatMap((line) => {
      const [, name, type] = /^type (\w+) = ([\w.]+(?:<'\w+'>)?);$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, type]];
    }),
  );
}

const keyOf = ({ file, local }) => `${file}#${local}`;

/** What a file exports, namespaces opened, where each is declared. */
function publicDeclarations(file, prefix = '') {
  return all(file).flatMap((each) => {
    if (each.local === '*') return publicDeclarations(each.from, `${prefix}${each.exported}.`);
    const at = declaredAt({ file: each.from, local: each.local });
    return [{ ...declarationOf(at.file, at.local), ...at, name: prefix + each.exported }];
  });
}

/** Where a name is declared that a file has, or hands on from another. */
function declaredAt({ file, local }) {
  if (declarations(file).some(({ name }) => name === local)) return { file, local };
  const again = all(file).find(({ exported }) => exported === local);
  if (again === undefined || again.from === file)
    throw new Error(`${file}: no declaration of ${local}`);
  return declaredAt({ file: again.from, local: again.local });
}

/** What a file imports from others of the package, by the names that it uses. */
function importsOf(file) {
  const text = withoutDocs(readFileSync(file, 'utf8'));
  return new Map(
    [...text.matchAll(/import (?:type )?\{([^}]*)\} from '(\.[^']*)';/g)].flatMap(
      ([, names, from]) =>
        names.split(',').map((name) => {
          const [local, used = local] = name
            .trim()
            .replace(/^type /, '')
            .split(' as ');
          return [used, { file: target(file, from), local }];
        }),
    ),
  );
}

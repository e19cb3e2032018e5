/**
 * The API reference as Markdown, a page a namespace, from the docstrings of the declarations. Not
 * here: reading these (../declarations.mjs).
 */
import { join } from 'node:path';
import { spaceOf } from '../declarations.mjs';

const NOTE =
  'Made from the docstrings by `npm run reference`: change them in the source, and not this page.';

/** The text of each page by its path from the root. */
export function apiPages(root) {
  const whole = spaceOf(join(root, 'dist', 'index.d.ts'));
  const names = Object.keys(whole.spaces).sort();
  const index = [
    '# API reference',
    '',
    "What `import { ... } from 'bitplane'` gives. Types show under the cursor too.",
    NOTE,
    '',
    '| page | holds |',
    '| --- | --- |',
    `| [bitplane](bitplane.md) | ${whole.declarations.length} names of the package itself: ` +
      'sessions, tensors, files, graphs |',
    ...names.map((name) => {
      const { about, declarations } = whole.spaces[name];
      const holds = `${declarations.length} names. ${oneLine(about)}`.trim();
      return `| [${name}](${name}.md) | ${holds} |`;
    }),
    '',
  ].join('\n');
  const pages = { 'docs/api/README.md': index };
  pages['docs/api/bitplane.md'] = pageOf('bitplane', whole);
  for (const name of names) pages[`docs/api/${name}.md`] = pageOf(name, whole.spaces[name]);
  return pages;
}

function pageOf(name, { about, declarations, spaces }) {
  const own = name === 'bitplane';
  const lines = [
    `# ${name}`,
    '',
    ...(own || about === '' ? [] : [safe(withoutScope(about)), '']),
    NOTE,
    '',
  ];
  const anchors = anchorsOf(declarations.map((one) => one.name));
  const links = declarations.map((one, i) => `[${one.name}](#${anchors[i]})`);
  lines.push(links.join(', '), '');
  if (own)
    lines.push(
      `Namespaces: ${Object.keys(spaces)
        .sort()
        .map((space) => `[${space}](${space}.md)`)
        .join(', ')}`,
      '',
    );
  for (const declaration of declarations) {
    lines.push(`## ${declaration.name}`, '');
    if (declaration.doc !== '') lines.push(described(declaration.doc), '');
    lines.push('```ts', code(declaration.code), '```', '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/** Tags of a docstring as a list below its text. */
function described(doc) {
  const [text, ...tags] = doc.split(/^@(?=\w)/m);
  const items = tags.map((tag) => {
    const [, kind, rest] = /^(\w+)\s*([\s\S]*)$/.exec(tag.trim());
    return `- **${kind}** ${safe(rest.replace(/\s*\n\s*/g, ' '))}`;
  });
  return [safe(text.trim()), ...(items.length === 0 ? [] : [items.join('\n')])]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Markdown takes these for HTML, or for a link. */
function safe(text) {
  return text.replace(/`[^`]*`|[<>[\]|]/g, (found) =>
    found.startsWith('`') ? found : found === '|' ? '\\|' : `\\${found}`,
  );
}

/** Two spaces an indentation, as the sources have it. */
function code(text) {
  return text.replace(/^( {4})+/gm, (indent) => ' '.repeat(indent.length / 2));
}

const oneLine = (text) => safe(withoutScope(text).replace(/\s*\n\s*/g, ' '));

/** What a file leaves to others is for those who work on it. */
const withoutScope = (text) => text.replace(/\s*Not\s+here:[\s\S]*$/, '').trim();

/** As GitHub numbers heads that differ by case only. */
function anchorsOf(names) {
  const seen = new Map();
  return names.map((name) => {
    const anchor = name.toLowerCase();
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}

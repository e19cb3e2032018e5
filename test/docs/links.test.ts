/** Links of README and docs lead to files that the package holds, and to heads that are there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './snippets.js';

const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(`${ROOT}/docs`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`),
];

/** The anchors that GitHub gives a page's heads. */
function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>();
  const text = readFileSync(`${ROOT}/${page}`, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const heads = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, head]) =>
    (head as string)
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set(
    heads.map((head) => {
      const before = seen.get(head) ?? 0;
      seen.set(head, before + 1);
      return before === 0 ? head : `${head}-${before}`;
    }),
  );
}

const links = PAGES.flatMap((page) => {
  const text = readFileSync(`${ROOT}/${page}`, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)|<img[^>]* src="([^"]+)"/g)].map(([, a, b]) => ({
    page,
    to: (a ?? b) as string,
  }));
}).filter(({ to }) => !/^[a-z]+:/.test(to));

/** What package.json's `files` puts into the tarball, as far as links go. */
const { files } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { files: string[] };
const packed = (path: string) =>
  files.some((entry) => path === entry || path.startsWith(`${entry}/`)) &&
  !files.some((entry) => entry.startsWith('!') && path.startsWith(entry.slice(1)));

test('a link leads to no file', () => {
  expect(links.length).toBeGreaterThan(200);
  const gone = links.filter(({ page, to }) => {
    const [path = ''] = to.split('#');
    return path !== '' && !existsSync(join(ROOT, dirname(page), path));
  });
  expect(gone).toEqual([]);
});

test('a link leads out of the tarball', () => {
  const out = links.filter(({ page, to }) => {
    const [path = ''] = to.split('#');
    const target = posix.join(posix.dirname(page), path).replace(/\/$/, '');
    return path !== '' && !packed(target);
  });
  expect(out).toEqual([]);
});

test('a link leads to no head', () => {
  const anchors = new Map<string, Set<string>>();
  const lost = links.filter(({ page, to }) => {
    const [path = '', anchor] = to.split('#');
    if (anchor === undefined) return false;
    const target = path === '' ? page : posix.join(posix.dirname(page), path);
    if (!target.endsWith('.md') || statSync(join(ROOT, target)).isDirectory()) return true;
    if (!anchors.has(target)) anchors.set(target, anchorsOf(target));
    return !anchors.get(target)?.has(anchor);
  });
  expect(lost).toEqual([]);
});

/** Opens pages in headless Chromium where there is one. Not a test. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../data/fixtures.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

/** The name of a Chromium, or undefined after a loud message about the skipped tests. */
export function findChromium(): string | undefined {
  const found = NAMES.find((name) => spawnSync(name, ['--version']).status === 0);
  if (found === undefined)
    console.warn('SKIPPED, no chromium on PATH: pages of reports are not opened in a browser');
  return found;
}

/**
 * What `script` returns in the page, and what the browser's console says. The page's policy allows
 * scripts within it, so the script is added to it.
 */
export function inBrowser(
  chromium: string,
  html: string,
  script: string,
): { readonly result: unknown; readonly console: string } {
  const folder = temporaryFolder();
  const file = join(folder, 'page.html');
  const report =
    `<script>document.body.innerHTML = '<pre>' + encodeURIComponent(JSON.stringify((() => {` +
    `${script}})())) + '</pre>'</script></body>`;
  writeFileSync(file, html.replace('</body>', report));
  const argv = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    `--user-data-dir=${join(folder, 'profile')}`,
    '--enable-logging=stderr',
    '--dump-dom',
    `file://${file}`,
  ];
  const outcome = spawnSync(chromium, argv, { encoding: 'utf8', timeout: 60_000 });
  const text = /<pre>([^<]*)<\/pre>/.exec(outcome.stdout)?.[1];
  if (text === undefined) throw new Error(`the page did not answer: ${outcome.stderr}`);
  const lines = outcome.stderr.split('\n').filter((line) => line.includes('CONSOLE'));
  return { result: JSON.parse(decodeURIComponent(text)), console: lines.join('\n') };
}

/** True where every element of an SVG text is closed, in order. */
export function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, close, name, self] of svg.matchAll(/<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (close === '/') {
      if (open.pop() !== name) return false;
    } else if (self !== '/') open.push(name as string);
  }
  return open.length === 0 && !/<(?![/a-z])/.test(svg);
}

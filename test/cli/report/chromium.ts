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
  const { results, console } = ask(chromium, folder, file, []);
  return { result: results, console };
}

/** What the page at `file` leaves as its only element, as JSON. */
function ask(
  chromium: string,
  folder: string,
  file: string,
  options: readonly string[],
): { readonly results: unknown; readonly console: string } {
  const argv = [
    ...options,
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
  return { results: JSON.parse(decodeURIComponent(text)), console: lines.join('\n') };
}

/** Where a framed page is looked at. */
export interface Frame {
  /** In pixels. */
  readonly width: number;
  readonly dark: boolean;
}

/**
 * What `script` returns in each of the pages, in frames of some width: a window of a browser has a
 * least width, which is more than that of a phone. What the console says is about all of them.
 */
export function inFrames(
  chromium: string,
  pages: readonly string[],
  script: string,
  { width, dark }: Frame,
): { readonly results: unknown[]; readonly console: string } {
  const folder = temporaryFolder();
  const frames = pages.map((html, i) => {
    const report = `<script>parent.postMessage([${i}, (() => {${script}})()], '*')</script></body>`;
    const text = html.replace(/<\/body>(?![\s\S]*<\/body>)/, () => report);
    const quoted = text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
    return `<iframe width="${width}" height="800" srcdoc="${quoted}"></iframe>`;
  });
  const host = `<script>const results = [];
    addEventListener('message', ({ data: [i, result] }) => {
      results[i] = result;
      if (Object.keys(results).length === ${pages.length})
        document.body.replaceChildren(Object.assign(document.createElement('pre'), {
          textContent: encodeURIComponent(JSON.stringify(results)),
        }));
    });</script>`;
  const file = join(folder, 'host.html');
  writeFileSync(file, `<!doctype html><head>${host}</head><body>${frames.join('\n')}</body>`);
  return ask(chromium, folder, file, [
    `--blink-settings=preferredColorScheme=${dark ? 0 : 1}`,
    '--virtual-time-budget=10000',
    '--hide-scrollbars',
  ]) as { readonly results: unknown[]; readonly console: string };
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

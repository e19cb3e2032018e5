/** run --image: the labels of pictures, those that cannot be read, the page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { contactSheet } from '../../src/cli/report/contact-sheet.js';
import { temporaryFolder, write } from '../data/fixtures.js';
import { cli, writeColourModel } from './cli.js';
import { findChromium, inBrowser } from './report/chromium.js';

const EVIL = '<script>alert("1")</script>&\'';
const LABELS = ['red', 'green', EVIL];

async function colour(path: string, r: number, g: number, b: number, side = 20): Promise<string> {
  const background = { r, g, b };
  const create = { width: side, height: side + 3, channels: 3 as const, background };
  return write(path, await sharp({ create }).png().toBuffer());
}

describe('run --image', () => {
  test('prints the best labels of every picture, of a folder too', async () => {
    const dir = temporaryFolder();
    const model = await writeColourModel(dir, LABELS);
    const red = await colour(join(dir, 'red.png'), 255, 51, 0);
    await colour(join(dir, 'more', 'b.png'), 0, 0, 204);
    const { code, stdout, stderr } = await cli('run', model, '--image', red, join(dir, 'more'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^images +2, [\d.,]+ images\/s/m);
    expect(stdout).toMatch(/red\.png +red +1\n +green +0\.2\n/);
    expect(stdout).toMatch(/b\.png +<script>.* 0\.8\n/);
    const argv = ['run', model, '--json', '--image', red, join(dir, 'more')];
    const { images, preprocess } = JSON.parse((await cli(...argv)).stdout);
    expect(preprocess).toBe(join(dir, 'colour.json'));
    expect(images[1]).toEqual({
      file: join(dir, 'more', 'b.png'),
      top: [
        { index: 2, label: EVIL, score: expect.closeTo(0.8, 5) },
        { index: 0, label: 'red', score: 0 },
        { index: 1, label: 'green', score: 0 },
      ],
    });
  });

  test('a model of a fixed batch, without a recipe, whose input has one size', async () => {
    const dir = temporaryFolder();
    const model = await writeColourModel(dir, undefined, 4);
    write(join(dir, 'colour.json'), JSON.stringify({ layout: 'NHWC', color: 'rgb' }));
    const red = await colour(join(dir, 'red.png'), 255, 51, 0, 50);
    const { code, stdout, stderr } = await cli('run', model, '--image', red);
    expect(code).toBe(0);
    expect(stdout).toMatch(/red\.png +0 +255\n/);
    expect(stderr).toMatch(/pictures are cut to 8x8, .*colour\.json says no other/);
  });

  test('pictures that cannot be read are named, and the exit code says so', async () => {
    const dir = temporaryFolder();
    const model = await writeColourModel(dir, LABELS);
    const red = await colour(join(dir, 'red.png'), 255, 51, 0);
    const bad = write(join(dir, 'bad.jpg'), 'text');
    const some = await cli('run', model, '--image', bad, red);
    expect(some).toMatchObject({ code: 1, stdout: expect.stringMatching(/red\.png +red/) });
    expect(some.stderr).toContain(`skipped "${bad}": expected a JPEG, PNG`);
    const none = await cli('run', model, '--image', bad);
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toContain(`bitplane: "${bad}": expected a JPEG, PNG`);
    const both = await cli('run', model, '--image', bad, bad);
    expect(both.stderr).toContain(`all 2 are broken, such as "${bad}": expected a JPEG, PNG`);
    const missing = await cli('run', model, '--image', join(dir, 'none.png'));
    expect(missing.stderr).toContain('none.png');
  });
});

describe('the contact sheet', () => {
  test('holds pictures and labels, and no markup of theirs', async () => {
    const dir = temporaryFolder();
    const model = await writeColourModel(dir, LABELS);
    const file = await colour(join(dir, `a"b${EVIL.replaceAll('/', '')}.png`), 0, 0, 204);
    const page = join(dir, 'sheet.html');
    const bad = write(join(dir, `${EVIL.replaceAll('/', '')}.jpg`), 'text');
    await cli('run', model, '--image', file, bad, '--html', page);
    const html = readFileSync(page, 'utf8');
    expect(html.match(/<img [^>]*src="data:image\/png;base64,/g)).toHaveLength(1);
    expect(html).not.toContain('<script>alert');
    expect(html).not.toMatch(/(src|href)="(?!data:)|url\(|@import|https?:/);
    expect(html).toContain('&lt;script&gt;alert');
  });

  const chromium = findChromium();
  test.skipIf(chromium === undefined)('is drawn by a browser without an error', () => {
    const pixels = { data: new Uint8Array(300 * 300 * 3), height: 300, width: 300, channels: 3 };
    const html = contactSheet({
      title: EVIL,
      about: [['model', 'm'.repeat(200)]],
      answers: [{ file: EVIL, top: [{ index: 0, label: 'n'.repeat(300), score: 1 }] }],
      pictures: [pixels],
      skipped: [{ file: 'x', why: 'y'.repeat(300) }],
      notes: [],
    });
    const { result, console } = inBrowser(
      chromium as string,
      html,
      `document.body.style.width = '350px';
       const image = document.querySelector('img');
       return [image.naturalWidth, document.querySelectorAll('script').length,
         [...document.querySelectorAll('figure, li, table')].every((e) => e.offsetWidth <= 350)];`,
    );
    // The page's script and that of the test.
    expect(result).toEqual([160, 2, true]);
    expect(console).toBe('');
  });
});

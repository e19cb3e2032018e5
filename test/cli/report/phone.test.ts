/**
 * The pages of all commands on a phone in dark: no page scrolls sideways, says anything on the
 * console, or stays light.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { trainingPage } from '../../../src/cli/report/training-page.js';
import { saveModel } from '../../../src/formats/safetensors/model.js';
import { GraphBuilder } from '../../../src/ops/builder.js';
import { Tensor } from '../../../src/tensor/tensor.js';
import { temporaryFolder } from '../../data/fixtures.js';
import { cli } from '../cli.js';
import { findChromium, inFrames } from './chromium.js';
import { data } from './training-fixture.js';

const chromium = findChromium();
const LONG = `stage/${'a'.repeat(120)}`;

/** Three dense layers of floats, 784 to 10, one of a long name. */
async function floatModel(path: string): Promise<void> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 784]);
  const weights = (o: number, k: number) => {
    const data = Float32Array.from({ length: o * k }, (_, i) => Math.sin(i * i));
    return g.constant(new Tensor('f32', data, [o, k]));
  };
  const a = g.relu(g.dense(x, weights(8, 784), { name: LONG }));
  const b = g.relu(g.dense(a, weights(8, 8), { name: 'b' }));
  await saveModel(g.graph([x], { scores: g.dense(b, weights(10, 8), { name: 'c' }) }), path);
}

async function pages(): Promise<string[]> {
  const dir = temporaryFolder();
  const at = (name: string) => join(dir, name);
  const model = at('m.safetensors');
  await floatModel(model);
  const commands = [
    ['inspect', model],
    ['bench', model, '--repeat', '2'],
    ['quantize', model, at('q.safetensors'), '--weights', '4'],
    [
      'fuse',
      model,
      model,
      '--out',
      at('s.safetensors'),
      '--method',
      'bfp',
      '--bits',
      '12,11',
      '--task',
      'a',
      '--task',
      'b',
    ],
  ];
  for (const command of commands) {
    const argv = [...command, '--html', at(`${command[0]}.html`)];
    expect(await cli(...argv), command[0]).toMatchObject({ code: 0 });
  }
  const written = commands.map(([name]) => readFileSync(at(`${name}.html`), 'utf8'));
  return [...written, trainingPage(data)];
}

test.skipIf(chromium === undefined)(
  'a page does not fit a phone, is not dark, or complains',
  { timeout: 120_000 },
  async () => {
    const drawn = await pages();
    const { results, console } = inFrames(
      chromium as string,
      drawn,
      `const { color, backgroundColor } = getComputedStyle(document.body);
       return { scroll: document.documentElement.scrollWidth, color, backgroundColor };`,
      { width: 390, dark: true },
    );
    expect(console).toBe('');
    const dark = { color: 'rgb(230, 232, 234)', backgroundColor: 'rgb(22, 25, 29)' };
    expect(results).toEqual(drawn.map(() => ({ scroll: 390, ...dark })));
  },
);

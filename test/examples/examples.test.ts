/**
 * The programs of examples/, each as a process of its own on small networks and pictures: what it
 * prints is what its head says. Not here: the tarball (test/package).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveOnnx } from '../../src/formats/onnx/export.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';

const FOLDER = fileURLToPath(new URL('../../examples', import.meta.url));
const ADDON = fileURLToPath(new URL('../../build/Release/bitplane.node', import.meta.url));
const built = existsSync(new URL('../../dist/index.js', import.meta.url));
if (!built) console.warn('SKIPPED, dist/ is not built: the examples');

const run = promisify(execFile);
const dir = mkdtempSync(join(tmpdir(), 'bitplane-examples-'));
afterAll(() => rmSync(dir, { recursive: true }));
const at = (name: string) => join(dir, name);
const model = at('shapes/model.safetensors');
const pictures = at('shapes/pictures');

/** What an example prints, by lines. */
async function example(name: string, args: readonly string[] = [], env = {}): Promise<string[]> {
  const options = { cwd: dir, env: { ...process.env, ...env }, timeout: 60_000 };
  const { stdout } = await run(process.execPath, [join(FOLDER, `${name}.mjs`), ...args], options);
  return stdout.trimEnd().split('\n');
}

/** A float network of two convolutions, [N, 24, 24, 3] -> logits [N, 8], and its recipe. */
async function floatNetwork(): Promise<void> {
  const g = new GraphBuilder();
  const x = g.input('image', 'f32', ['N', 24, 24, 3]);
  const weights = (...shape: number[]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const numbers = Float32Array.from({ length: count }, (_, i) => Math.sin(i * i) / 3);
    return g.constant(new Tensor('f32', numbers, shape));
  };
  const a = g.relu(g.conv2d(x, weights(8, 3, 3, 3), { strides: [2, 2], name: 'a' }));
  const b = g.relu(g.conv2d(a, weights(8, 3, 3, 8), { name: 'b' }));
  const logits = g.dense(g.reduce(b, 'mean', [1, 2]), weights(8, 8), { name: 'c' });
  await saveOnnx(g.graph([x], { logits }), at('float.onnx'));
  const recipe = { layout: 'NHWC', color: 'rgb', scale: 1 / 255, resize: 24, crop: 24 };
  writeFileSync(at('float.json'), JSON.stringify(recipe));
}

describe.skipIf(!built)('examples', { timeout: 120_000 }, () => {
  let trained: string[];
  beforeAll(async () => {
    trained = await example('train-and-pack', ['shapes', '1', '200']);
    await floatNetwork();
  }, 120_000);

  test('an example has no test', () => {
    const source = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    const names = readdirSync(FOLDER).filter((name) => name.endsWith('.mjs'));
    expect(names).toHaveLength(10);
    for (const name of names) expect(source).toMatch(new RegExp(`'${name.slice(0, -4)}(\\.mjs)?'`));
  });

  test('train-and-pack packs a network that answers otherwise', () => {
    expect(trained[0]).toMatch(/^epoch 1: \d+\.\d\d %/);
    expect(trained[1]).toMatch(/model\.safetensors: \d+\.\d\d %, 0 answers differ$/);
    expect(readdirSync(pictures)).toHaveLength(8);
  });

  test('classify-folder skips a picture, or gives no label', async () => {
    const lines = await example('classify-folder', [model, pictures]);
    expect(lines).toHaveLength(8);
    for (const line of lines) expect(line).toMatch(/^\w+\.png\t\w+\t\d+\.\d %$/);
  });

  test('worker-pool finds other bits', async () => {
    expect(await example('worker-pool', [model, '2', '4'])).toEqual([
      expect.stringMatching(/^4 runs in 2 workers, [0-9a-f]{16}$/),
    ]);
  });

  test('camera loses the last frame, or labels none', async () => {
    const { data } = await sharp(join(pictures, 'star.png'))
      .resize(40, 30)
      .raw()
      .toBuffer({ resolveWithObject: true });
    const frames = Buffer.concat(Array.from({ length: 6 }, () => data));
    const child = spawn(process.execPath, [join(FOLDER, 'camera.mjs'), model, '40', '30']);
    // In pieces that are no frames.
    for (let i = 0; i < frames.length; i += 5000) child.stdin.write(frames.subarray(i, i + 5000));
    child.stdin.end();
    const lines = await linesOf(child);
    expect(lines.at(-1)).toMatch(/^6 frames, [1-6] answered$/);
    expect(lines.at(-2)).toMatch(/^frame 6\t\w+\t\d+\.\d %$/);
  });

  test('quantize-onnx writes no network of 8 bits', async () => {
    const lines = await example('quantize-onnx', [
      ...['float.onnx', 'few.safetensors', pictures, 'float.json'],
    ]);
    expect(lines.slice(0, 3)).toEqual([
      expect.stringMatching(/^\w+\tint8-\w+\t\d\d\.\d dB$/),
      expect.stringMatching(/^\w+\tint8-\w+\t\d\d\.\d dB$/),
      expect.stringMatching(/^\w+\tint8-\w+\t\d\d\.\d dB$/),
    ]);
    const [, agree] = /the same answer on (\d) of 8$/.exec(lines[3] as string) ?? [];
    expect(Number(agree)).toBeGreaterThanOrEqual(7);
  });

  test('compare-with-onnxruntime finds them apart, or times nothing', async () => {
    const lines = await example('compare-with-onnxruntime', ['float.onnx', '2']);
    const [, difference] = /largest difference (\S+)$/.exec(lines[0] as string) ?? [];
    expect(Number(difference)).toBeLessThan(1e-4);
    expect(lines.slice(1).map((line) => line.replace(/\d+/, 'n'))).toEqual([
      'bitplane\tn us',
      'onnxruntime\tn us',
    ]);
  });

  test('write-a-layer trains nothing', async () => {
    const text = (await example('write-a-layer')).join('\n');
    const losses = [...text.matchAll(/loss (\d\.\d+)/g)].map(([, loss]) => Number(loss));
    expect(losses).toHaveLength(2);
    expect(losses[1]).toBeLessThan(losses[0] as number);
    expect(text).toContain('squeezeExcite/excite');
  });

  test('write-a-quantizer has another slope, or packs no bits', async () => {
    const lines = await example('write-a-quantizer');
    expect(lines[0]).toBe('slope at -2, -0.5, 0, 0.5, 2: 0, 0.5, 1, 0.5, 0');
    expect(lines.join('\n')).toMatch(/conv2d_2\.dot\tbconv_b1_/);
  });

  test('bundle makes an application that does not run alone', async () => {
    const app = join(FOLDER, 'write-a-quantizer.mjs');
    await example('bundle', [app, at('bundled')], { BITPLANE_BINARY: ADDON });
    const { stdout } = await run(process.execPath, [at('bundled/app.mjs')], { cwd: tmpdir() });
    expect(stdout).toContain('slope at -2');
  });

  test('server keeps a caller waiting, or lets one picture fail the others', async () => {
    const server = spawn(process.execPath, [join(FOLDER, 'server.mjs'), model, '0']);
    try {
      const [url] = (await firstLine(server)).match(/http:\S+/) as string[];
      const post = async (body: string | Uint8Array<ArrayBuffer>) => {
        const response = await fetch(url as string, { method: 'POST', body });
        return [response.status, await response.json()];
      };
      const files = readdirSync(pictures)
        .sort()
        .map((name) => new Uint8Array(readFileSync(join(pictures, name))));
      const answers = await Promise.all([
        ...files.map((file) => post(file)),
        post('no picture'),
        fetch(url as string).then(({ status }) => [status]),
      ]);
      const expected = await example('classify-folder', [model, pictures]);
      for (const [i, line] of expected.entries())
        expect(bestOf(answers[i])).toBe(line.split('\t')[1]);
      expect(answers.slice(-2)).toEqual([[400, { error: expect.any(String) }], [405]]);
    } finally {
      server.kill('SIGTERM');
    }
    expect(await new Promise((resolve) => server.once('exit', resolve))).toBe(0);
  });
});

/** The best label of an answer with status 200. */
function bestOf(answer: unknown): string | undefined {
  const [status, { labels }] = answer as [number, { labels: { label: string }[] }];
  expect(status).toBe(200);
  expect(labels).toHaveLength(5);
  return labels[0]?.label;
}

async function linesOf(child: ChildProcess): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout as never })) lines.push(line);
  return lines;
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as never })) return line;
  throw new Error('the server ended');
}

/** Runs command lines in process, as a person's shell would see them. Not here: any expectation. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Io } from '../../src/cli/io.js';
import { main } from '../../src/cli/program.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function fakeIo(
  env: Record<string, string> = {},
  isTTY = false,
): Io & { out(): string; err(): string } {
  let out = '';
  let err = '';
  const stdout = { write: (text: string) => (out += text) };
  return {
    stdout,
    stderr: { write: (text: string) => (err += text), isTTY },
    env,
    out: () => out,
    err: () => err,
  };
}

export async function cli(...argv: string[]): Promise<Outcome> {
  const io = fakeIo();
  const code = await main(argv, io);
  return { code, stdout: io.out(), stderr: io.err() };
}

/**
 * Writes a dense binary network x [batch, 784] -> scores [batch, 10]: sign(x - 0.5) times ten
 * seeded rows of signs. Returns its path.
 */
export async function writeDenseModel(
  folder: string,
  batch: number | string,
  name = 'dense',
): Promise<string> {
  const g = new GraphBuilder();
  const x = g.input('image', 'f32', [batch, 784]);
  const weights = g.constant(new Tensor('f32', denseWeights(), [10, 784]), { name: 'weights' });
  const scores = g.dense(g.cast(g.sign(g.sub(x, 0.5)), 'f32'), g.cast(g.sign(weights), 'f32'));
  const path = join(folder, `${name}.safetensors`);
  await saveModel(g.graph([x], { scores }), path);
  return path;
}

export function denseWeights(): Float32Array {
  return Float32Array.from({ length: 7840 }, (_, i) => (((i * 2654435761) >>> 7) & 1 ? -1 : 1));
}

/** The scores of the dense model for rows of 784, from its definition. */
export function denseScores(x: Float32Array): Float32Array {
  const weights = denseWeights();
  return Float32Array.from({ length: (x.length / 784) * 10 }, (_, i) => {
    const row = Math.floor(i / 10);
    let sum = 0;
    for (let k = 0; k < 784; k++)
      sum +=
        ((x[row * 784 + k] as number) - 0.5 < 0 ? -1 : 1) * (weights[(i % 10) * 784 + k] as number);
    return sum;
  });
}

/**
 * Writes a network x [batch, 8, 8, 3] -> scores [N, 3], the mean of each colour, and the recipe
 * beside it. Returns its path.
 */
export async function writeColourModel(
  folder: string,
  labels?: readonly string[],
  batch: number | string = 'N',
): Promise<string> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [batch, 8, 8, 3]);
  const path = join(folder, 'colour.safetensors');
  await saveModel(g.graph([x], { scores: g.reduce(x, 'mean', [1, 2]) }), path);
  const preprocess = { layout: 'NHWC', color: 'rgb', scale: 1 / 255, resize: 8, crop: 8 };
  writeFileSync(join(folder, 'colour.json'), JSON.stringify({ preprocess, labels }));
  return path;
}

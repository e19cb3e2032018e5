/**
 * The walks of docs/models-in-and-out.md: its commands, in order, on files as PyTorch and tf2onnx
 * write them, with seeded weights. onnxruntime gives the expected numbers. Not here: PyTorch and
 * TensorFlow, which write the files.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { main } from '../../src/cli/program.js';
import { readNpy, writeNpy } from '../../src/formats/npy.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { fakeIo } from '../cli/cli.js';
import { temporaryFolder } from '../data/fixtures.js';
import { encodeOnnx, int64s, type NodeSpec, type TensorSpec } from '../formats/onnx-encoder.js';
import { blocksOf, commandsOf, wordsOf } from './snippets.js';

const PAGE = blocksOf('docs/models-in-and-out.md');
const RECIPE = { layout: 'NCHW', color: 'rgb', scale: 1 / 255, resize: 32, crop: 32 };

/** Seeded numbers around 0, none of them 0. */
function numbers(dims: readonly number[], scale: number, shift = 0): TensorSpec {
  const count = dims.reduce((a, b) => a * b, 1);
  return {
    dims,
    floats: Array.from({ length: count }, (_, i) => shift + scale * Math.sin(1 + i * i)),
  };
}

/** Nodes and weights of a network, gathered in order. */
class File {
  readonly nodes: NodeSpec[] = [];
  readonly initializers: Record<string, TensorSpec> = {};

  node(op: string, inputs: readonly string[], attributes: NodeSpec['attributes'] = {}): string {
    const name = `/${this.nodes.length}/${op}`;
    this.nodes.push({ op, name, inputs, outputs: [name], attributes });
    return name;
  }
  constant(name: string, tensor: TensorSpec): string {
    this.initializers[name] = tensor;
    return name;
  }
  /** sign(sign(x) + half), as both frameworks' users write it: +1 for 0. */
  sign(x: string, half: number): string {
    const inner = this.node('Sign', [x]);
    const half_ = this.constant(`half${this.nodes.length}`, { dims: [], floats: [half] });
    return this.node('Sign', [this.node('Add', [inner, half_])]);
  }
  conv(x: string, weights: string): string {
    return this.node('Conv', [x, weights], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  }
  weights(name: string, o: number, i: number): string {
    return this.constant(name, numbers([o, i, 3, 3], 0.1));
  }
  batchNorm(x: string, channels: number): string {
    const parts = [
      ['gamma', numbers([channels], 0.2, 1)],
      ['beta', numbers([channels], 0.3)],
      ['mean', numbers([channels], 0.4)],
      ['variance', numbers([channels], 0.3, 1)],
    ] as const;
    const names = parts.map(([part, values]) => this.constant(`${x}.${part}`, values));
    return this.node('BatchNormalization', [x, ...names]);
  }
  bytes(input: readonly (number | string)[]): Uint8Array {
    const { nodes, initializers } = this;
    const inputs = { image: input };
    const outputs = { logits: ['N', 10] };
    return encodeOnnx({ nodes, initializers, inputs, outputs, opset: 13 });
  }
  /** The last node gives the logits. */
  gemm(x: string): void {
    const weights = this.constant('gemm.weight', numbers([10, 64], 0.2));
    const bias = this.constant('gemm.bias', numbers([10], 0.1));
    const inputs = [x, weights, bias];
    this.nodes.push({ op: 'Gemm', inputs, outputs: ['logits'], attributes: { transB: 1 } });
  }
}

/** The network of the page, as torch.onnx.export writes it. */
function ofTorch(): Uint8Array {
  const file = new File();
  const first = file.batchNorm(file.conv('image', file.weights('a', 32, 3)), 32);
  const binary = (x: string, name: string, channels: number) => {
    const bits = file.sign(file.weights(name, 64, channels), 0.5);
    return file.batchNorm(file.conv(file.sign(x, 0.5), bits), 64);
  };
  const pooled = file.node('MaxPool', [binary(first, 'b', 32)], {
    kernel_shape: [2, 2],
    strides: [2, 2],
  });
  const mean = file.node('GlobalAveragePool', [binary(pooled, 'c', 64)]);
  file.gemm(file.node('Flatten', [mean]));
  return file.bytes(['N', 3, 32, 32]);
}

/** The same as tf2onnx writes larq: NHWC input, weights already -1 and +1, mean by ReduceMean. */
function ofLarq(): Uint8Array {
  const file = new File();
  const x = file.node('Transpose', ['image'], { perm: [0, 3, 1, 2] });
  const first = file.batchNorm(file.conv(x, file.weights('a', 32, 3)), 32);
  const binary = (from: string, name: string, channels: number) => {
    const { dims, floats } = numbers([64, channels, 3, 3], 1);
    const weights = file.constant(name, {
      dims,
      floats: floats?.map((w) => (w < 0 ? -1 : 1)) ?? [],
    });
    return file.batchNorm(file.conv(file.sign(from, 0.1), weights), 64);
  };
  const pooled = file.node('MaxPool', [binary(first, 'b', 32)], {
    kernel_shape: [2, 2],
    strides: [2, 2],
  });
  const mean = file.node('ReduceMean', [binary(pooled, 'c', 64)], { axes: [2, 3], keepdims: 0 });
  file.constant('shape', int64s(-1, 64));
  file.gemm(file.node('Reshape', [mean, 'shape']));
  return file.bytes(['N', 32, 32, 3]);
}

/** Runs the commands of the n-th shell block of the page; what they printed, by command. */
async function walk(block: number): Promise<Map<string, string>> {
  const shell = PAGE.filter(({ language }) => language === 'sh')[block];
  const printed = new Map<string, string>();
  for (const line of commandsOf(shell as (typeof PAGE)[number])) {
    const [word, ...argv] = wordsOf(line);
    expect(word).toBe('bitplane');
    const io = fakeIo();
    expect(await main(argv, io), `${line}: ${io.err()}${io.out()}`).toBe(0);
    printed.set(argv[0] as string, io.out());
  }
  return printed;
}

test.each([
  ['PyTorch', 0, ofTorch, [1, 3, 32, 32]],
  ['larq', 1, ofLarq, [1, 32, 32, 3]],
] as const)('the walk from %s ends elsewhere', async (_, block, file, shape) => {
  const home = process.cwd();
  process.chdir(temporaryFolder());
  try {
    const bytes = file();
    writeFileSync('net.onnx', bytes);
    writeFileSync('recipe.json', JSON.stringify(RECIPE));
    const image = Float32Array.from({ length: 3072 }, (_, i) => 2 * Math.sin(i * 0.37));
    writeFileSync('image.npy', writeNpy(new Tensor('f32', image, shape)));
    const session = await ort.InferenceSession.create(bytes);
    const { logits } = await session.run({ image: new ort.Tensor('float32', image, shape) });
    const expected = logits?.data as Float32Array;
    await session.release();

    const printed = await walk(block);
    expect(printed.get('inspect')?.match(/b1, b1 -> i32/g)).toHaveLength(2);
    expect(printed.get('inspect')).toContain('BOPs 28.3 M');
    expect(printed.get('check')).toContain('agrees: every');
    const [, before, after] =
      /net\.onnx (\d+)\.?\d* KiB -> net\.safetensors (\d+)/.exec(printed.get('convert') ?? '') ??
      [];
    expect(Number(before) / Number(after)).toBeGreaterThan(10);
    if (!printed.has('run')) {
      const io = fakeIo();
      const argv = ['run', 'net.safetensors', '--input', 'image.npy', '--output', 'ours.npy'];
      expect(await main(argv, io), io.err()).toBe(0);
    }
    const ours = readNpy(readFileSync('ours.npy'));
    expect(ours.shape).toEqual([1, 10]);
    for (const [i, value] of expected.entries()) expect(ours.data[i]).toBeCloseTo(value, 4);

    // Out again: the copy is what onnxruntime runs, to the same logits.
    await walk(2);
    expect(existsSync('copy-q.onnx')).toBe(true);
    const copy = await ort.InferenceSession.create(new Uint8Array(readFileSync('copy.onnx')));
    const again = await copy.run({ image: new ort.Tensor('float32', image, shape) });
    for (const [i, value] of expected.entries())
      expect(again['logits']?.data[i]).toBeCloseTo(value, 4);
    await copy.release();
  } finally {
    process.chdir(home);
  }
});

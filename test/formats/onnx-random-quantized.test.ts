/**
 * Random quantized graphs: weights of every dtype, with zero points and scales for all or an
 * output, in groups and depthwise, between activations of every dtype. With every pass and with
 * none they have the bits of the ops' formulas, and so have the files that they are written to;
 * onnxruntime under its default optimizations gives the same integers, but for those behind a bias,
 * which it rounds. Scales are powers of two, so that floats do not round.
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { type ByteInteger, INTEGERS, integerBounds } from '../../src/core/dtype.js';
import { encodeOnnx } from '../../src/formats/onnx/export.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { Numbers } from '../passes/fixtures.js';

type Float = Value<'f32'>;
type Bytes = Readonly<Record<string, Tensor>>;

const ALL = INTEGERS.filter((dtype): dtype is ByteInteger => dtype !== 'i32');
const ORT_TYPES = { u8: 'uint8', i8: 'int8' } as const;

class Drawn {
  readonly g = new GraphBuilder();
  hasBias = false;
  private readonly n: Numbers;

  constructor(seed: number) {
    this.n = new Numbers(seed);
  }

  draw() {
    const { g, n } = this;
    const start = n.pick<'u8' | 'i8'>('u8', 'i8');
    const shape = [n.int(1, 3), 6, 5, n.int(1, 9)];
    const x = g.input('x', start, ['N', ...shape.slice(1)]);
    let y = this.dequantized(x as Value<ByteInteger>, this.scale(), this.zero(start));
    const outputs: Record<string, Value> = {};
    for (let layer = n.int(1, 3); layer > 0; layer--) {
      let map = this.convolution(y);
      if (n.int(0, 3) === 0) {
        const channels = map.shape.at(-1) as number;
        map = g.add(map, g.constant(n.fill([channels], () => n.int(-8, 8) / 4)));
        this.hasBias = true;
      }
      if (n.int(0, 2) === 0) map = g.relu(map);
      const dtype = n.pick<ByteInteger>('u8', 'i8', ...ALL);
      const [scale, zero] = [4 * this.scale(), this.zero(dtype)];
      const q = this.quantized(map, dtype, scale, zero);
      if (dtype === 'u8' || dtype === 'i8') outputs[`q${layer}`] = q;
      y = this.dequantized(q, scale, zero);
    }
    outputs['y'] = g.relu(y);
    const { lo, hi } = integerBounds(start);
    return {
      graph: g.graph([x], outputs),
      feeds: { x: tensorOf(start, n.integers(shape, lo, hi).data, shape) },
    };
  }

  private scale(): number {
    return 2 ** this.n.int(-3, 1);
  }

  private zero(dtype: ByteInteger): number {
    const { lo, hi } = integerBounds(dtype);
    return this.n.pick(0, lo, hi, this.n.int(lo, hi));
  }

  private quantized(x: Float, to: ByteInteger, scale: number, zero: number): Value<ByteInteger> {
    const { g } = this;
    const { lo, hi } = integerBounds(to);
    const rounded = g.round(g.div(x, scale));
    return g.cast(g.clip(zero === 0 ? rounded : g.add(rounded, zero), lo, hi), to);
  }

  private dequantized(q: Value<ByteInteger>, scale: number, zero: number): Float {
    const held = this.g.cast(q, 'f32');
    return this.g.mul(zero === 0 ? held : this.g.sub(held, zero), scale);
  }

  private convolution(x: Float): Float {
    const { g, n } = this;
    const [, h, w, c] = x.shape as readonly [string, number, number, number];
    const groups = n.pick(1, 1, ...[2, 3, c].filter((one) => c % one === 0));
    const kernel = [n.int(1, Math.min(3, h)), n.int(1, Math.min(3, w))];
    const weights = this.weights([groups * n.int(1, 4), ...kernel, c / groups]);
    return g.conv2d(x, weights, {
      groups,
      pads: [n.int(0, 1), n.int(0, 1), n.int(0, 1), n.int(0, 1)],
      strides: [n.int(1, 2), n.int(1, 2)],
    });
  }

  private weights(shape: readonly number[]): Float {
    const { g, n } = this;
    const dtype = n.pick<ByteInteger | 'b1'>('b1', 'u8', 'u8', 'i8', 'i8', ...ALL);
    const { lo, hi } = dtype === 'b1' ? { lo: -1, hi: 1 } : integerBounds(dtype);
    const per = [shape[0] as number, ...shape.slice(1).map(() => 1)];
    let w: Float = g.cast(
      g.constant(tensorOf(dtype, n.integers(shape, lo, hi).data, shape)),
      'f32',
    );
    const [zeros, scales] = [dtype === 'b1' ? 0 : n.int(0, 2), n.int(0, 2)];
    if (zeros === 1) w = g.sub(w, n.int(lo, hi));
    if (zeros === 2) w = g.sub(w, g.constant(n.fill(per, () => n.int(lo, hi))));
    if (scales === 1) w = g.mul(w, this.scale() / 16);
    if (scales === 2) w = g.mul(w, g.constant(n.fill(per, () => this.scale() / 16)));
    return w;
  }
}

test('a pass, a file or onnxruntime changes an integer', async () => {
  let compared = 0;
  for (let seed = 1; seed <= 24; seed++) {
    const drawn = new Drawn(seed);
    const { graph, feeds } = drawn.draw();
    const want = evaluateGraph(graph, feeds);
    const file = encodeOnnx(graph);
    const other = encodeOnnx(graph, { dialect: 'qonnx' });
    const graphs = { own: graph, onnx: importOnnx(file), qonnx: importOnnx(other) };
    for (const [name, of] of Object.entries<Graph>(graphs)) {
      for (const optimize of [true, false]) {
        const session = GraphSession.fromGraph(of, { threads: 1, optimize });
        const results = (await session.run(feeds)) as unknown as Bytes;
        await session.release();
        for (const [output, { data }] of Object.entries(want)) {
          const at = data.findIndex((one, i) => one !== results[output]!.data[i]);
          expect([seed, name, optimize, output, at]).toEqual([seed, name, optimize, output, -1]);
        }
      }
    }
    if (drawn.hasBias) continue;
    const session = await InferenceSession.create(file, {
      logSeverityLevel: 4,
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    });
    const { dtype, data, shape } = feeds.x;
    const results = await session.run({ x: new OrtTensor(ORT_TYPES[dtype], data, [...shape]) });
    await session.release();
    for (const [output, wanted] of Object.entries(want)) {
      if (!output.startsWith('q')) continue;
      const got = results[output]!.data as Uint8Array;
      const at = wanted.data.findIndex((one, i) => one !== got[i]);
      expect([seed, output, at, wanted.data[at]]).toEqual([seed, output, -1, got[at]]);
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(5);
}, 60_000);

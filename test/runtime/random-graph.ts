/**
 * Draws small graphs over all ops. No discontinuous op (sign, round, threshold) reads a value that
 * float sums may have rounded. Not a test; used by random-graphs.test.ts.
 */
import { BitplaneError } from '../../src/core/errors.js';
import type { Dim } from '../../src/core/shape.js';
import type { Value } from '../../src/graph/value.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import {
  type Bits,
  CHANNELS,
  type Draw,
  type Float,
  largest,
  MAX_MACS,
  RandomValues,
} from './random-values.js';

const UNARY = ['relu', 'abs', 'neg', 'floor', 'ceil', 'round', 'signum'] as const;
const SMOOTH = ['tanh', 'sigmoid', 'erf', 'exp', 'log', 'sqrt'] as const;
const BINARY = ['add', 'sub', 'mul', 'max', 'min', 'prelu', 'add', 'sub', 'mul'] as const;

export class RandomGraph extends RandomValues {
  draw(): Draw {
    const { n } = this;
    const count = n.pick(1, 1, 1, 2, 3);
    for (let i = 0; i < count; i++) this.addInput(i);
    const nodes = n.int(2, 16);
    // A draw that an op refuses costs an attempt; the graph then has fewer nodes.
    for (let attempt = 0; attempt < nodes * 6 && this.known.length < nodes + count; attempt++) {
      try {
        this.step();
      } catch (error) {
        if (!(error instanceof BitplaneError)) throw error;
      }
    }
    return this.finish();
  }

  private step(): void {
    const { n } = this;
    const steps = [
      () => this.unary(),
      () => this.unary(),
      () => this.binary(),
      () => this.binary(),
      () => this.binary(),
      () => this.sign(),
      () => this.sign(),
      () => this.castOrThreshold(),
      () => this.castOrThreshold(),
      () => this.convolution(),
      () => this.convolution(),
      () => this.convolution(),
      () => this.dense(),
      () => this.pool(),
      () => this.batchNorm(),
      () => this.move(),
      () => this.move(),
      () => this.reduce(),
    ];
    n.pick(...steps)();
  }

  private unary(): void {
    const { n, g } = this;
    const kind = n.int(0, 11);
    if (kind === 0) {
      const smooth = this.some((item) => item.value.dtype === 'f32' && largest(item.tensor) < 20);
      if (smooth !== undefined) this.keep(g[n.pick(...SMOOTH)](smooth.value as Float), () => false);
      return;
    }
    const item = this.some(({ value, exact }) => value.dtype === 'f32' && (exact || kind < 4));
    if (item === undefined) return;
    const x = item.value as Float;
    if (kind === 1)
      this.keep(
        g.clip(x, n.pick(-2, 0, Number.NEGATIVE_INFINITY), n.pick(1, 6, Number.POSITIVE_INFINITY)),
      );
    else if (kind === 2) this.keep(g.leakyRelu(x, { alpha: n.pick(0.25, 0.1, -0.5) }));
    else if (kind === 3) this.keep(g.relu(x));
    else if (kind === 4) {
      const c = item.value.shape.at(-1);
      if (typeof c !== 'number') return;
      const levels = n.int(1, 7);
      const rows = n.pick(1, c);
      const thresholds = n.integers([rows, levels], -9, 9).data.sort();
      this.keep(
        g.multiThreshold(
          x,
          this.constant([rows, levels], new Tensor('f32', thresholds, [rows, levels])) as Float,
          {
            scale: n.pick(1, 2, 0.5),
            bias: n.pick(0, -1),
          },
        ),
      );
    } else this.keep(g[n.pick(...UNARY)](x));
  }

  private binary(): void {
    const { n, g } = this;
    const item = this.some(({ value }) => value.dtype === 'f32');
    if (item === undefined) return;
    const shape = item.tensor.shape;
    const other =
      n.int(0, 2) === 0
        ? this.some(({ value }) => value.dtype === 'f32' && value !== item.value)
        : this.some((o) => o.value.dtype === 'f32' && o.tensor.shape.join() === shape.join());
    const c = shape.at(-1) ?? 1;
    const broadcast = n.pick(
      [c],
      [],
      [1],
      [...shape.slice(-3, -1).map(() => 1), c],
      shape.map((dim) => (n.int(0, 1) === 0 ? 1 : dim)),
    );
    const fixed =
      broadcast.filter(
        (_, i) =>
          item.value.shape[item.value.shape.length - broadcast.length + i] !== 'N' ||
          broadcast[i] === 1,
      ).length === broadcast.length;
    const own = n.int(0, 2) === 0 || other === undefined;
    if (own && !fixed) return;
    const divide = own && n.int(0, 7) === 0;
    const b = (
      own
        ? this.constant(broadcast, divide ? n.scales(broadcast) : this.floats(broadcast))
        : other.value
    ) as Float;
    const op = divide ? 'div' : n.pick(...BINARY);
    const [left, right] =
      n.int(0, 2) === 0 && !divide ? [b, item.value as Float] : [item.value as Float, b];
    // Whole numbers stay whole; a product of others is one IEEE operation and exact all the same.
    if (item.exact && own && n.int(0, 7) === 0)
      this.keep(g.gate(left, right, { min: n.pick(-1, 0.5, -Infinity), max: n.pick(2, Infinity) }));
    else this.keep(g[op](left, right));
  }

  private sign(): void {
    const item = this.some(({ value, exact }) => value.dtype === 'f32' && exact);
    if (item !== undefined) this.keep(this.g.sign(item.value as Float));
  }

  private castOrThreshold(): void {
    const { n, g } = this;
    const item = this.some(
      ({ value, exact }) => value.dtype !== 'f32' || (exact && n.int(0, 5) === 0),
    );
    if (item === undefined) return;
    const c = item.tensor.shape.at(-1);
    if (item.value.dtype === 'f32') this.keep(g.cast(item.value as Float, 'i32'));
    else if (item.value.dtype === 'i32' && c !== undefined && n.int(0, 1) === 0) {
      const t = this.g.constant(tensorOf('i32', n.integers([c], -9, 9).data, [c]));
      const flip = this.g.constant(tensorOf('i32', n.integers([c], 0, 1).data, [c]));
      this.keep(g.threshold(item.value as Value<'i32'>, t, flip));
    } else this.keep(g.cast(item.value as Bits, 'f32'));
  }

  private convolution(): void {
    const { n, g } = this;
    const item = this.some(
      ({ value }) =>
        (value.dtype === 'f32' || value.dtype === 'b1') &&
        value.shape.length === 4 &&
        value.shape.slice(1).every((d) => typeof d === 'number'),
    );
    if (item === undefined) return;
    const [, h, w, c] = item.tensor.shape as [number, number, number, number];
    const groups = n.pick(1, 1, 1, c, ...[2, 3, 4].filter((d) => c % d === 0));
    const outputs =
      n.int(0, 2) === 0
        ? c
        : groups * n.pick(1, 2, 3, Math.max(1, Math.floor(n.pick(...CHANNELS) / groups)));
    const [kh, kw] = [n.int(1, 4), n.int(1, 4)];
    if (
      outputs > 140 ||
      this.size * h * w * outputs * kh * kw * (c / groups) > MAX_MACS * this.room
    )
      return;
    const shape = [outputs, kh, kw, c / groups];
    const binary = item.value.dtype === 'b1' || n.int(0, 2) === 0;
    const weights = this.constant(shape, binary ? n.bits(shape) : this.floats(shape));
    const pads = n.pick(
      [0, 0, 0, 0],
      [1, 1, 1, 1],
      [n.int(0, 3), n.int(0, 3), n.int(0, 3), n.int(0, 3)],
    ) as [number, number, number, number];
    const options = {
      strides: [n.pick(1, 1, 2, 3), n.pick(1, 1, 2, 3)] as const,
      pads,
      dilations: [n.pick(1, 1, 2), n.pick(1, 1, 2)] as const,
      groups,
    };
    if (item.value.dtype === 'b1')
      this.keep(
        g.conv2d(item.value as Bits, weights as Bits, { ...options, padValue: n.pick(0, 1, -1) }),
      );
    else {
      const x = item.value as Float;
      const y = g.conv2d(x, weights as Float, options);
      this.keep(y, this.sums(kh * kw * c));
      if (this.known.at(-1)?.value !== y || n.int(0, 2) > 0) return;
      const size = { height: h, width: w };
      this.keep(g.conv2dInputGradient(y, weights as Float, { ...options, ...size }), () => false);
      let read: Float | Bits = x;
      if (item.exact && n.int(0, 1) === 0) {
        const signs = g.sign(x);
        this.keep(signs);
        if (this.known.at(-1)?.value === signs) read = signs;
      }
      this.keep(g.conv2dWeightGradient(y, read, { ...options, kernel: [kh, kw] }), () => false);
    }
  }

  private dense(): void {
    const { n, g } = this;
    const item = this.some(
      ({ value }) =>
        (value.dtype === 'f32' || value.dtype === 'b1') &&
        value.shape.length >= 1 &&
        typeof value.shape.at(-1) === 'number',
    );
    if (item === undefined) return;
    const k = item.tensor.shape.at(-1) as number;
    const outputs = n.pick(...CHANNELS);
    if (item.tensor.size * outputs > MAX_MACS * this.room) return;
    const binary = item.value.dtype === 'b1' || n.int(0, 2) === 0;
    const weights = this.constant(
      [outputs, k],
      binary ? n.bits([outputs, k]) : this.floats([outputs, k]),
    );
    if (item.value.dtype === 'b1') this.keep(g.dense(item.value as Bits, weights as Bits));
    else if (n.int(0, 3) === 0)
      this.keep(g.matmul(item.value as Float, this.constant([k, outputs]) as Float), this.sums(k));
    else this.keep(g.dense(item.value as Float, weights as Float), this.sums(k));
  }

  private pool(): void {
    const { n, g } = this;
    const item = this.some(
      ({ value }) => (value.dtype === 'f32' || value.dtype === 'b1') && value.shape.length === 4,
    );
    if (item === undefined) return;
    const kernel = [n.int(1, 3), n.int(1, 3)] as const;
    const options = {
      strides: [n.int(1, 3), n.int(1, 3)] as const,
      pads: n.pick([0, 0, 0, 0], [n.int(0, 1), n.int(0, 1), n.int(0, 1), n.int(0, 1)]) as [
        number,
        number,
        number,
        number,
      ],
      dilations: [n.pick(1, 1, 2), n.pick(1, 1, 2)] as const,
      ceil: n.int(0, 1) === 0,
    };
    if (item.value.dtype === 'f32' && n.int(0, 2) === 0) {
      const x = item.value as Float;
      const [y, countPad] = [g.maxPool2d(x, kernel, options), n.int(0, 1) === 0];
      this.keep(y);
      if (this.known.at(-1)?.value !== y) return;
      if (item.exact) this.keep(g.maxPool2dGradient(y, x, kernel, options), () => false);
      const [, height, width] = item.tensor.shape as number[];
      const size = [height, width] as [number, number];
      this.keep(g.avgPool2dGradient(y, kernel, size, { ...options, countPad }), () => false);
    } else if (item.value.dtype === 'b1' || n.int(0, 1) === 0)
      this.keep(g.maxPool2d(item.value as Float, kernel, options));
    else
      this.keep(
        g.avgPool2d(item.value as Float, kernel, { ...options, countPad: n.int(0, 1) === 0 }),
        () => false,
      );
  }

  private batchNorm(): void {
    const { n, g } = this;
    const item = this.some(
      ({ value }) =>
        value.dtype === 'f32' && value.shape.length >= 1 && typeof value.shape.at(-1) === 'number',
    );
    if (item === undefined) return;
    const shape = [item.tensor.shape.at(-1) as number];
    const gamma = n.int(0, 4) === 0 ? n.integers(shape, -1, 1) : n.scales(shape);
    const parameters = [gamma, n.floats(shape), n.floats(shape), n.scales(shape, 0)].map(
      (tensor) => g.constant(tensor) as Float,
    );
    // Of its own statistics: an epsilon that leaves what sums have rounded small.
    const [scale, shift] = parameters as [Float, Float];
    if (n.int(0, 2) === 0)
      this.keep(g.normalize(item.value as Float, scale, shift, { epsilon: 1 }), () => false);
    else
      this.keep(g.batchNorm(item.value as Float, ...(parameters as [Float, Float, Float, Float])));
  }

  private move(): void {
    const { n, g } = this;
    const item = this.some(() => true);
    if (item === undefined) return;
    const { value, tensor } = item;
    const axes = [...value.shape.keys()];
    const kind = n.int(0, 5);
    if (kind === 0) {
      const perm = axes.map((axis) => [n.int(0, 99), axis] as const).sort((a, b) => a[0] - b[0]);
      this.keep(
        g.transpose(
          value,
          perm.map(([, axis]) => axis),
        ),
      );
    } else if (kind === 1) {
      const starts = value.shape.map((dim) =>
        typeof dim === 'number' && dim > 0 ? n.int(0, dim - 1) : 0,
      );
      const ends = value.shape.map((dim, i) =>
        typeof dim === 'number' ? n.int(Math.min(dim, (starts[i] as number) + 1), dim) : dim,
      );
      const full = value.shape.map((dim) => typeof dim === 'string' || n.int(0, 2) === 0);
      this.keep(
        g.slice(
          value,
          starts.map((s, i) => (full[i] ? 0 : s)),
          ends.map((e, i) => (full[i] ? (value.shape[i] as number) : e)) as number[],
          {
            steps: axes.map((i) => (full[i] ? 1 : n.pick(1, 1, 2))),
          },
        ),
      );
    } else if (kind === 2 && value.dtype !== 'i32') {
      const pads = [...axes, ...axes].map((axis) =>
        typeof value.shape[axis] === 'number' ? n.pick(0, 0, 1, 2) : 0,
      );
      this.keep(
        g.pad(value as Float, pads, value.dtype === 'b1' ? n.pick(1, -1) : n.pick(0, 0, 1, -3)),
      );
    } else if (kind === 3) {
      const other = this.some(
        (o) => o.value.dtype === value.dtype && o.value.shape.length === value.shape.length,
      );
      this.keep(
        g.concat(
          n.pick(
            [value, value],
            [value, (other ?? item).value],
            [value, (other ?? item).value, value],
          ),
          n.int(0, Math.max(0, axes.length - 1)),
        ),
      );
    } else if (kind === 4) {
      const rest = tensor.shape.slice(1).reduce((a, b) => a * b, 1);
      const c = tensor.shape.at(-1) ?? 1;
      const half = [2, 3, 4].find((d) => c % d === 0) ?? 1;
      const head = value.shape[0] ?? 1;
      this.keep(
        g.reshape(
          value,
          n.pick<(number | string)[]>(
            [head, rest],
            [head, 1, 1, rest],
            [head, -1, c],
            [head, -1, half],
            [head, 1, -1, c],
            [head, half, -1],
            [tensor.shape[1] ?? 1, -1, c],
          ),
        ),
      );
    } else
      this.keep(
        g.expand(value, [
          ...n.pick<Dim[]>([], [2], [2, 1]),
          ...value.shape.map((dim) => (dim === 1 ? n.int(1, 3) : dim)),
        ]),
      );
  }

  private reduce(): void {
    const { n, g } = this;
    const item = this.some(({ value }) => value.dtype === 'f32' && value.shape.length >= 1);
    if (item === undefined) return;
    const x = item.value as Float;
    const axes = [...x.shape.keys()];
    if (n.int(0, 3) === 0) {
      this.keep(g.softmax(x, { axis: n.pick(...axes) }), () => false);
      return;
    }
    const kind = n.pick('mean', 'sum', 'max', 'min');
    const chosen = axes.filter(() => n.int(0, 1) === 0);
    const terms = chosen.reduce((p, axis) => p * (item.tensor.shape[axis] as number), 1);
    const sums = this.sums(terms);
    this.keep(
      g.reduce(x, kind, chosen.length === 0 ? [n.pick(...axes)] : chosen, {
        keepDims: n.int(0, 1) === 0,
      }),
      (inputs) => {
        if (kind === 'mean') return false;
        return kind === 'sum' ? sums(inputs) : item.exact;
      },
    );
  }
}

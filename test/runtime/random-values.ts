/**
 * The values of a graph that is being drawn, each with its expected numbers: a node is evaluated by
 * the op's own formula as it is made, so that a draw knows which results must match to the bit and
 * which only to a tolerance. Not here: which ops are drawn (./random-graph.ts).
 *
 * Float sums may round differently on every ISA, so a value is `exact` only where it does not
 * depend on their order: sums of whole numbers below 2^24, and IEEE operations on exact values.
 */
import type { Dim } from '../../src/core/shape.js';
import type { Graph, Input, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { evaluate } from '../../src/passes/evaluate.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf, valuesOf } from '../../src/tensor/values.js';
import { Numbers } from '../passes/fixtures.js';

export type Float = Value<'f32'>;
export type Bits = Value<'b1'>;

/** A value of the graph and its expected numbers. */
export interface Known {
  readonly value: Value;
  readonly tensor: Tensor;
  readonly exact: boolean;
  /**
   * The largest magnitude among it and what is not exact behind it: rounding errors are relative to
   * that, whatever cancels later.
   */
  readonly scale: number;
}

export interface Draw {
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly want: Readonly<Record<string, Known>>;
}

/** Of a usual draw; one in eight has more room, so that there is work for several threads. */
const MAX_ELEMENTS = 6000;
/** What native copies take. */
const MAX_RANK = 6;
export const MAX_MACS = 400_000;
/** Sums of whole numbers stay exact in f32 below this. */
const EXACT_SUM = 2 ** 22;
const LARGEST = 2 ** 20;
export const CHANNELS = [1, 2, 3, 4, 5, 8, 12, 16, 31, 32, 33, 63, 64, 65, 96, 127, 128, 130];

/** The largest magnitude; Infinity where a NaN is among the values. */
export function largest(tensor: Tensor): number {
  let most = 0;
  for (const v of valuesOf(tensor))
    most = Number.isNaN(v) ? Number.POSITIVE_INFINITY : Math.max(most, Math.abs(v));
  return most;
}

function isWhole(tensor: Tensor): boolean {
  for (const v of valuesOf(tensor)) if (!Number.isInteger(v)) return false;
  return true;
}

export class RandomValues {
  protected readonly n: Numbers;
  protected readonly g = new GraphBuilder();
  protected readonly known: Known[] = [];
  protected readonly inputs: Input[] = [];
  protected readonly feeds: Record<string, Tensor> = {};
  protected readonly batch: Dim;
  protected readonly size: number;
  protected readonly room: number;

  constructor(seed: number) {
    this.n = new Numbers(seed);
    this.room = this.n.int(0, 7) === 0 ? 12 : 1;
    this.size = this.n.int(1, this.room === 1 ? 3 : 7);
    this.batch = this.n.pick<Dim>('N', 'N', this.size);
  }

  protected addInput(i: number): void {
    const { n } = this;
    const c = n.pick(...CHANNELS);
    const shape: Dim[] = n.pick<Dim[]>(
      [this.batch, this.extent(), this.extent(), c],
      [this.batch, this.extent(), this.extent(), c],
      [this.batch, c],
    );
    const sizes = shape.map((dim) => (typeof dim === 'string' ? this.size : dim));
    const dtype = n.pick('f32', 'f32', 'f32', 'b1', 'i32');
    const tensor =
      dtype === 'b1'
        ? n.bits(sizes)
        : dtype === 'i32'
          ? tensorOf('i32', n.integers(sizes, -50, 50).data, sizes)
          : this.floats(sizes);
    const value = this.g.input(`x${i}`, dtype as 'f32', shape);
    this.inputs.push(value);
    this.feeds[`x${i}`] = tensor;
    this.known.push({ value, tensor, exact: true, scale: 0 });
  }

  private extent(): number {
    return this.n.int(1, this.room === 1 ? 7 : 14);
  }

  protected floats(shape: readonly number[]): Tensor<'f32'> {
    return this.n.int(0, 3) === 0 ? this.n.floats(shape) : this.n.integers(shape);
  }

  protected constant(shape: readonly number[], tensor: Tensor = this.floats(shape)): Value {
    return this.g.constant(tensor);
  }

  /** Evaluates a node on what its inputs are, and keeps it if it stays among modest numbers. */
  protected keep(
    value: Value,
    exact: (inputs: readonly Known[]) => boolean = (inputs) => inputs.every((item) => item.exact),
  ): void {
    const sizes = value.shape.map((dim) => (typeof dim === 'string' ? this.size : dim));
    if (sizes.reduce((a, b) => a * b, 1) > MAX_ELEMENTS * this.room || sizes.length > MAX_RANK)
      return;
    const inputs = value.inputs.map((input) => this.find(input));
    const tensor = evaluate(
      value.op,
      inputs.map((item) => item.tensor),
      value.attrs,
      { dtype: value.dtype, shape: sizes },
    );
    if (!(largest(tensor) <= LARGEST)) return;
    this.known.push({
      value,
      tensor,
      exact: exact(inputs),
      scale: Math.max(largest(tensor), ...inputs.map((item) => (item.exact ? 0 : item.scale))),
    });
  }

  protected find(value: Value): Known {
    return (
      this.known.find((item) => item.value === value) ?? {
        value,
        tensor: value.data as Tensor,
        exact: true,
        scale: 0,
      }
    );
  }

  /** One of the newest values more often than an old one, so that graphs grow deep. */
  protected some(accept: (item: Known) => boolean): Known | undefined {
    const fit = this.known.filter(accept);
    if (fit.length === 0) return undefined;
    const back = Math.min(fit.length - 1, this.n.pick(0, 0, 0, 0, 1, 1, 2, 3, 5, 8));
    return fit[fit.length - 1 - back];
  }

  /** True where the sums of a product are whole and small. */
  protected sums(terms: number): (inputs: readonly Known[]) => boolean {
    return (inputs) =>
      inputs.every((item) => item.exact && isWhole(item.tensor)) &&
      inputs.reduce((p, item) => p * Math.max(1, largest(item.tensor)), terms) < EXACT_SUM;
  }

  protected finish(): Draw {
    const { n } = this;
    const used = new Set(this.known.flatMap(({ value }) => value.inputs));
    const results = this.known.filter((item) => !used.has(item.value) || n.int(0, 5) === 0);
    const want: Record<string, Known> = {};
    results.forEach((item, i) => {
      want[`y${i}`] = item;
      if (n.int(0, 19) === 0) want[`again${i}`] = item;
    });
    const graph = this.g.graph(
      this.inputs,
      Object.fromEntries(Object.entries(want).map(([name, { value }]) => [name, value])),
    );
    return { graph, feeds: this.feeds, want };
  }
}

/**
 * Constant scales and shifts by channel that follow one another become one, across sums, pooling,
 * means and concatenations: of a residual block with batch norm, scaled weights and shifted
 * activations one multiplication and one addition are left. The results differ by rounding from
 * those of the graph as it was, as in every tool that folds batch norm into convolutions; so this
 * is no part of `optimize`, which changes no bit. Not here: constants that do not lie along the
 * last axis (./layout.ts brings channels there); batch norm itself (./lower.ts makes it
 * arithmetic).
 *
 * One walk, inputs first. A value is taken as base * scale + shift, and what reads it takes the
 * three on: only where something else than an affine needs the value itself do a multiplication and
 * an addition come back.
 *
 * Operations whose numbers end up in one another are a group. A group that the walk writes in no
 * fewer operations than it had, each counted for every element, would round differently for
 * nothing: its operations stay as they are.
 */
import type { Shape } from '../core/shape.js';
import {
  type Graph,
  mapGraph,
  outputsOf,
  topological,
  updatesOf,
  type Value,
} from '../graph/value.js';
import { make } from '../ops/make.js';
import { perChannel, vector } from './constants.js';
import { uniqueNames, withInputs } from './rewrite.js';

/**
 * Wider maps are left alone: numbers are kept for each channel, and no weights say that the
 * channels are real.
 */
const MOST_CHANNELS = 1 << 20;

/**
 * Walks over one graph. A group that stays as it is may leave the groups beside it with nothing to
 * save, so that the next walk keeps those. Networks settle at the second walk; a graph that takes
 * more than these is left as it is.
 */
const MOST_WALKS = 16;

/** One number a channel. */
type Numbers = Float64Array;

interface Affine {
  readonly base: Value;
  /** Of the multiplication that gave it its last factor, which lends its name. */
  readonly scale?: { readonly numbers: Numbers; readonly name: string };
  readonly shift?: Numbers;
}

/** The graph with affines merged; the very same one where that saves nothing. */
export function affines(graph: Graph): Graph {
  const kept = new Set<Value>();
  for (let count = 0; count < MOST_WALKS; count++) {
    const walk = new Walk(kept);
    const merged = walk.over(graph);
    const unsaved = walk.groups.unsaved();
    if (unsaved.length === 0) return merged;
    for (const value of unsaved) kept.add(value);
  }
  return graph;
}

/**
 * Values whose numbers end up in one another, with what the operations cost that they were and that
 * they became.
 */
class Groups {
  private readonly parents = new Map<Value, Value>();
  /** What the operations of a group cost less than before, under each of its values. */
  private readonly savings = new Map<Value, number>();

  join(a: Value, b: Value): void {
    const [root, other] = [this.root(a), this.root(b)];
    if (root !== other) this.parents.set(other, root);
  }

  /** `value` is an operation with a constant in the graph before. */
  was(value: Value): void {
    this.parents.set(value, this.parents.get(value) ?? value);
    this.save(value, elements(value));
  }

  /** Such an operation is written for `value`. */
  became(value: Value): void {
    this.save(value, -elements(value));
  }

  /** The values of groups that became no fewer operations than they were. */
  unsaved(): Value[] {
    const saved = new Map<Value, number>();
    for (const [value, elements] of this.savings)
      saved.set(this.root(value), (saved.get(this.root(value)) ?? 0) + elements);
    return [...this.parents.keys()].filter((value) => (saved.get(this.root(value)) ?? 0) <= 0);
  }

  private save(value: Value, elements: number): void {
    this.savings.set(value, (this.savings.get(value) ?? 0) + elements);
  }

  private root(value: Value): Value {
    let root = value;
    for (
      let parent = this.parents.get(root);
      parent !== undefined && parent !== root;
      parent = this.parents.get(root)
    )
      root = parent;
    if (!this.parents.has(root)) this.parents.set(root, root);
    // Long chains of groups are walked once.
    for (let at = value; at !== root; ) {
      const parent = this.parents.get(at) ?? root;
      this.parents.set(at, root);
      at = parent;
    }
    return root;
  }
}

/** Elements of a value; a symbol, the same before and after, counts as one. */
function elements({ shape }: Value): number {
  return shape.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1);
}

class Walk {
  readonly groups = new Groups();
  private readonly found = new Map<Value, Affine>();
  /**
   * The values of affines, and their scaled parts by scale, as nodes: made when asked for, once.
   */
  private readonly made = new Map<Affine, Value>();
  private readonly scaledParts = new Map<Affine['scale'], Value>();

  /** `kept` are values that stay as they are. */
  constructor(private readonly kept: ReadonlySet<Value>) {}

  over(graph: Graph): Graph {
    for (const value of topological(graph)) this.found.set(value, this.affineOf(value));
    const merged = mapGraph(graph, (value) => (value.op === 'input' ? value : this.value(value)));
    const same =
      outputsOf(graph).every(([name, value]) => value === merged.outputs[name]) &&
      updatesOf(graph).every(([{ name }, next]) => next === merged.updates?.[name]);
    return same ? graph : uniqueNames(merged);
  }

  private affineOf(value: Value): Affine {
    const channels = value.shape.at(-1);
    if (
      value.dtype !== 'f32' ||
      channels === undefined ||
      (typeof channels === 'number' && channels > MOST_CHANNELS) ||
      this.kept.has(value)
    )
      return this.asItIs(value);
    switch (value.op) {
      case 'mul':
        return this.scaledBy(value) ?? this.asItIs(value);
      case 'add':
        return this.shiftedBy(value) ?? this.sum(value) ?? this.asItIs(value);
      case 'sub':
        return this.shiftedBy(value) ?? this.asItIs(value);
      case 'avgPool2d':
      case 'maxPool2d':
        return this.pooled(value) ?? this.asItIs(value);
      case 'reduce':
        return this.mean(value) ?? this.asItIs(value);
      case 'concat':
        return this.joined(value) ?? this.asItIs(value);
      default:
        return this.asItIs(value);
    }
  }

  private asItIs(value: Value): Affine {
    return {
      base: withInputs(
        value,
        value.inputs.map((input) => this.value(input)),
      ),
    };
  }

  /** x * constant. */
  private scaledBy(value: Value): Affine | undefined {
    const [x, numbers] = constantOperand(value);
    if (x === undefined || numbers === undefined) return undefined;
    const { base, scale, shift } = this.taken(value, x);
    const name = value.name.replace(/\.scaled$/, '');
    return {
      base,
      scale: { numbers: combine(scale?.numbers, numbers, times), name },
      ...(shift && { shift: combine(shift, numbers, times) }),
    };
  }

  /** x + constant, x - constant. */
  private shiftedBy(value: Value): Affine | undefined {
    const [x, numbers] = constantOperand(value);
    if (x === undefined || numbers === undefined) return undefined;
    const by = value.op === 'sub' ? numbers.map((number) => -number) : numbers;
    const affine = this.taken(value, x);
    return { ...affine, shift: combine(affine.shift, by, plus) };
  }

  /** What the operation `value` takes on of its operand. */
  private taken(value: Value, x: Value): Affine {
    const affine = this.found.get(x) as Affine;
    this.groups.was(value);
    if (affine.scale !== undefined || affine.shift !== undefined) this.groups.join(value, x);
    return affine;
  }

  /** The shift of an operand, which `value` passes on. */
  private passed(value: Value, x: Value): Numbers | undefined {
    const shift = this.found.get(x)?.shift;
    if (shift !== undefined) this.groups.join(value, x);
    return shift;
  }

  /** x + y: the shifts wait. */
  private sum(value: Value): Affine | undefined {
    const [x, y] = value.inputs as [Value, Value];
    if (
      ![x, y].every(
        ({ shape }) => shape.length === value.shape.length && shape.at(-1) === value.shape.at(-1),
      )
    )
      return undefined;
    const shifts = [x, y].map((input) => this.passed(value, input));
    const shift =
      shifts[0] && shifts[1] ? combine(shifts[0], shifts[1], plus) : (shifts[0] ?? shifts[1]);
    const base = withInputs(value, [this.scaledPart(x), this.scaledPart(y)]);
    return { base, ...(shift && { shift: along(shift, value.shape) }) };
  }

  /** Means and maxima of windows move with a shift, where no padding takes part in them. */
  private pooled(value: Value): Affine | undefined {
    const [x] = value.inputs as [Value];
    const { pads, countPad } = value.attrs as { pads: readonly number[]; countPad?: boolean };
    if (countPad === true && pads.some((pad) => pad !== 0)) return undefined;
    return this.moved(value, [x], this.passed(value, x));
  }

  private mean(value: Value): Affine | undefined {
    const [x] = value.inputs as [Value];
    const { kind, axes } = value.attrs as { kind: string; axes: readonly number[] };
    if (kind === 'sum' || axes.includes(x.shape.length - 1)) return undefined;
    return this.moved(value, [x], this.passed(value, x));
  }

  private joined(value: Value): Affine | undefined {
    const inputs = value.inputs;
    if (value.attrs.axis !== value.shape.length - 1) return undefined;
    const shifts = inputs.map((input) => this.passed(value, input));
    if (shifts.every((shift) => shift === undefined)) return undefined;
    const all = inputs.flatMap((input, i) => [
      ...along(shifts[i] ?? Float64Array.of(0), input.shape),
    ]);
    return this.moved(value, inputs, Float64Array.from(all));
  }

  /** The op over what is left of its inputs without their shifts. */
  private moved(
    value: Value,
    inputs: readonly Value[],
    shift: Numbers | undefined,
  ): Affine | undefined {
    if (shift === undefined) return undefined;
    return {
      base: withInputs(
        value,
        inputs.map((input) => this.scaledPart(input)),
      ),
      shift,
    };
  }

  /** base * scale. */
  private scaledPart(original: Value): Value {
    const affine = this.found.get(original) as Affine;
    if (affine.scale === undefined) return affine.base;
    let part = this.scaledParts.get(affine.scale);
    if (part === undefined) {
      const { numbers, name } = affine.scale;
      this.groups.became(original);
      part = make(
        'mul',
        `${name}.scaled`,
        [affine.base, vector(`${name}.scale`, single(numbers))],
        {},
      );
      this.scaledParts.set(affine.scale, part);
    }
    return part;
  }

  /** base * scale + shift. */
  private value(original: Value): Value {
    const affine = this.found.get(original) as Affine;
    if (affine.shift === undefined) return this.scaledPart(original);
    let value = this.made.get(affine);
    if (value === undefined) {
      this.groups.became(original);
      const shift = vector(`${original.name}.shift`, single(affine.shift));
      value = make('add', original.name, [this.scaledPart(original), shift], {});
      this.made.set(affine, value);
    }
    return value;
  }
}

/** The operand that flows, and the numbers of the constant one. */
function constantOperand(value: Value): [Value, Numbers] | [] {
  const [a, b] = value.inputs as [Value, Value];
  for (const [x, constant] of value.op === 'sub'
    ? [[a, b] as const]
    : ([
        [a, b],
        [b, a],
      ] as const)) {
    // Of the shape of the result: a constant may not widen what it is added to.
    const fits =
      x.op !== 'constant' &&
      x.shape.length === value.shape.length &&
      x.shape.every((dim, i) => dim === value.shape[i]);
    const numbers = fits ? perChannel(constant, value.shape) : undefined;
    if (numbers !== undefined) return [x, Float64Array.from(numbers)];
  }
  return [];
}

const times = (a: number, b: number) => a * b;
const plus = (a: number, b: number) => a + b;

/** Element by element; one number goes with all. */
function combine(
  a: Numbers | undefined,
  b: Numbers,
  op: (a: number, b: number) => number,
): Numbers {
  if (a === undefined) return b;
  return Float64Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
    op(a[a.length === 1 ? 0 : i] as number, b[b.length === 1 ? 0 : i] as number),
  );
}

/** One number for every channel of `shape`. */
function along(numbers: Numbers, shape: Shape): Numbers {
  const channels = shape.at(-1) as number;
  return numbers.length === channels
    ? numbers
    : new Float64Array(channels).fill(numbers[0] as number);
}

function single(numbers: Numbers): Float32Array {
  return Float32Array.from(numbers);
}

/**
 * The batch norms of a network beside the maps that they normalize: what a picture is compared with
 * where no picture of the data set is at hand. Not here: what the statistics say of quantized maps
 * (./folded.ts), losses of such maps.
 */
import { BitplaneError, type ErrorSite, expected } from '../core/errors.js';
import { showShape } from '../core/shape.js';
import {
  type Graph,
  graphOf,
  type Input,
  outputsOf,
  topological,
  type Value,
} from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { isOp } from '../ops/index.js';
import { inline } from '../ops/inline.js';
import { bind } from '../passes/bind.js';
import { channelsLast } from '../passes/index.js';

type Float = Value<'f32'>;

/** A batch norm with constant statistics, one number a channel each. */
export interface Norm {
  /** Of the batch norm. */
  readonly name: string;
  /** What it normalizes, [..., C]. */
  readonly x: Float;
  /** [C]. */
  readonly mean: Float32Array;
  /** [C]. */
  readonly variance: Float32Array;
}

/** A classifier of pictures: one input, one output. */
export interface Observed {
  /** Channels last inside; its input is as the model's. */
  readonly graph: Graph;
  readonly input: Input;
  /** In the order in which they run. */
  readonly norms: readonly Norm[];
}

/**
 * @throws BitplaneError ERR_ARGUMENT for a network of several inputs or outputs, or whose pictures
 * have no size of their own, naming the input; ERR_UNSUPPORTED without batch norms, if they are
 * needed
 */
export function observed(
  graph: Graph,
  site: ErrorSite,
  { needsNorms = true }: { readonly needsNorms?: boolean } = {},
): Observed {
  const [input] = graph.inputs;
  const outputs = outputsOf(graph);
  if (input === undefined || graph.inputs.length !== 1 || outputs.length !== 1)
    throw expected(
      'ERR_ARGUMENT',
      'a network of one input and one output',
      `${graph.inputs.length} and ${outputs.length}`,
      site,
    );
  if (input.dtype !== 'f32' || input.shape.slice(1).some((dim) => typeof dim !== 'number'))
    throw expected(
      'ERR_ARGUMENT',
      'an input of f32 whose sizes but the batch are numbers',
      `${input.dtype}${showShape(input.shape)}`,
      { op: 'input', node: input.name },
    );
  const prepared = channelsLast(graph);
  const norms = topological(prepared).flatMap((value): Norm[] => {
    if (!isOp(value, 'batchNorm')) return [];
    const [x, , , mean, variance] = value.inputs;
    if (mean.op !== 'constant' || variance.op !== 'constant') return [];
    const numbers = (of: Value) => of.data!.data as Float32Array;
    return [{ name: value.name, x: x as Float, mean: numbers(mean), variance: numbers(variance) }];
  });
  if (needsNorms && norms.length === 0)
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      'expected batch norms, whose statistics stand in for data, but received none',
      site,
    );
  return { graph: prepared, input: prepared.inputs[0] as Input, norms };
}

/** The shape of a batch of `count` pictures. @throws BitplaneError ERR_ARGUMENT naming the input */
export function batchShape({ name, shape }: Input, count: number): readonly number[] {
  const [batch, ...rest] = shape;
  if (typeof batch === 'number' && batch !== count)
    throw expected('ERR_ARGUMENT', `a count of ${batch}, the batch of the network,`, count, {
      op: 'input',
      node: name,
    });
  return [count, ...(rest as number[])];
}

/** What a network makes of pictures within a graph that is being built. */
export interface Seen {
  readonly output: Float;
  /** What each batch norm normalizes, in the order of `norms`. */
  readonly maps: readonly Float[];
  /** The values that were asked for, in their order. */
  readonly taps: readonly Float[];
  /** The pictures with channels last; undefined where they are no maps. */
  readonly pictures: Float | undefined;
}

/** The network over x, a batch of pictures as its input takes them. */
export function seenBy(
  g: GraphBuilder,
  network: Observed,
  x: Float,
  path: string,
  taps: readonly Value[] = [],
): Seen {
  const { graph, input, norms } = network;
  const [[outputName, output]] = outputsOf(graph) as [[string, Value]];
  const picture = picturesLast(graph, input);
  const tapped = graphOf(graph.inputs, [
    ...norms.map((norm, i) => [`norm ${i}`, norm.x] as const),
    ...taps.map((tap, i) => [`tap ${i}`, tap] as const),
    ['picture', picture ?? input] as const,
    [`output ${outputName}`, output] as const,
  ]);
  const [batch] = input.shape;
  const bound =
    typeof batch === 'string' ? bind(tapped, { [batch]: x.shape[0] as number }) : tapped;
  const made = inline(g, bound, { [input.name]: x }, path) as Readonly<Record<string, Float>>;
  return {
    output: made[`output ${outputName}`]!,
    maps: norms.map((_, i) => made[`norm ${i}`]!),
    taps: taps.map((_, i) => made[`tap ${i}`]!),
    pictures: picture === undefined ? undefined : made['picture'],
  };
}

/** The input where its maps have channels last, or the one transposition of it that does that. */
function picturesLast(graph: Graph, input: Input): Value | undefined {
  if (input.shape.length !== 4) return undefined;
  const readers = topological(graph).filter(({ inputs }) => inputs.includes(input));
  const [first] = readers;
  const isMoved = first !== undefined && isOp(first, 'transpose');
  return isMoved && first.attrs.perm.join() === '0,2,3,1' ? first : input;
}

/** What a generator is to make: squares with channels last, and the way into the network. */
export interface PictureForm {
  readonly size: number;
  readonly channels: number;
  /** Pictures [N, size, size, channels] as the network's input takes them. */
  fed(g: GraphBuilder, pictures: Float): Float;
}

/**
 * @throws BitplaneError ERR_UNSUPPORTED naming an input that is no square map whose side is a
 * multiple of 4, as the generators make them
 */
export function pictureForm({ graph, input }: Observed): PictureForm {
  const last = picturesLast(graph, input);
  const [, height, width, channels] = (last ?? input).shape as readonly number[];
  if (last === undefined || height !== width || (height as number) % 4 !== 0)
    throw expected(
      'ERR_UNSUPPORTED',
      'an input of square pictures whose side is a multiple of 4',
      showShape(input.shape),
      { op: 'input', node: input.name },
    );
  const isFirst = last !== input;
  return {
    size: height as number,
    channels: channels as number,
    fed: (g, pictures) => (isFirst ? (g.transpose(pictures, [0, 3, 1, 2]) as Float) : pictures),
  };
}

/** @throws BitplaneError ERR_UNSUPPORTED naming an output that tells no number of classes */
export function classesOf({ graph }: Observed): number {
  const [[name, { shape }]] = outputsOf(graph) as [[string, Value]];
  const classes = shape[1];
  if (shape.length === 2 && typeof classes === 'number' && classes > 1) return classes;
  throw expected(
    'ERR_UNSUPPORTED',
    'an output [N, classes] that tells how many classes pictures are made for',
    showShape(shape),
    { op: 'output', node: name },
  );
}

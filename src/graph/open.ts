/**
 * Open graphs: models of which ops need sizes that are known only when a run begins, such as a
 * convolution over a map of any height. An open graph has the interface of its model, inputs and
 * outputs with symbols, and makes the graph of given sizes. Its own outputs only declare a type:
 * nothing computes them. A graph whose symbols merely pass through its ops, such as a batch, is not
 * open: one graph serves all sizes. Not here: reading a model at sizes (src/formats/onnx).
 */
import type { DType } from '../core/dtype.js';
import { type BitplaneError, continued } from '../core/errors.js';
import type { Shape } from '../core/shape.js';
import {
  type Graph,
  graphOf,
  type Input,
  type Metadata,
  type Openness,
  type Value,
} from './value.js';

export interface OpenGraph extends Graph {
  readonly open: Openness;
}

/** The type of an output as a model declares it. */
export interface Declared {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export function openGraph(
  inputs: readonly Input[],
  outputs: readonly Declared[],
  metadata: Metadata,
  open: Openness,
): OpenGraph {
  const placed = outputs.map((output) => [output.name, declaration(output)] as const);
  return Object.freeze({ ...graphOf(inputs, placed, metadata), open });
}

function declaration({ name, dtype, shape }: Declared): Value {
  return Object.freeze({
    op: 'open',
    name,
    dtype,
    shape: Object.freeze([...shape]),
    inputs: Object.freeze([]),
    attrs: Object.freeze({}),
  });
}

/** False for what is no graph. */
export function isOpen(graph: Graph): graph is OpenGraph {
  return typeof (graph as Graph | null | undefined)?.open?.forSizes === 'function';
}

/** The symbols of inputs, each once, in their order. */
export function symbolsOf(inputs: readonly { readonly shape: Shape }[]): string[] {
  return [
    ...new Set(inputs.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string'))),
  ];
}

/** What is said where a graph of numbers is needed, and this one is open. */
export function openError({ inputs, open: { why } }: OpenGraph): BitplaneError {
  const open = inputs.filter(({ shape }) => shape.some((dim) => typeof dim === 'string'));
  const examples = open.map(({ name, shape }) => ({ name, shape: shape.map(exampleOf) }));
  const option = examples.map(({ name, shape }) => `${name}: [${shape.join(', ')}]`).join(', ');
  const flags = examples.map(({ name, shape }) => `--shape ${name}=${shape}`).join(' ');
  return continued(
    why,
    `; a run gives sizes for ${symbolsOf(inputs).join(', ')}, or the option shapes, such as ` +
      `{ ${option} }, on the command line ${flags}`,
  );
}

/** A size to show in an example. */
function exampleOf(dim: number | string, axis: number): number {
  return typeof dim === 'number' ? dim : axis === 0 ? 1 : 64;
}

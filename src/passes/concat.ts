/**
 * Element-wise ops move in front of concatenations along the channels, so that each part ends in
 * the kernel that computes it and is written where it belongs: RPReLU(concat(y1, y2)) costs
 * ReActNet's reduction block no pass over memory of its own. Not here: writing in place
 * (src/schedule/fuse.ts).
 */
import { type Graph, topological, type Value } from '../graph/value.js';
import { make } from '../ops/make.js';
import { joinsWords } from '../tensor/layout.js';
import type { Folding } from './folding.js';
import type { Rule } from './rewrite.js';
import { isElementwise } from './sink.js';

/**
 * Nodes that splitting may add, for each of the graph and beyond them: each of n concatenations
 * within one another has parts of its own.
 */
const GROWTH = { least: 256, share: 1 };

/** `splitConcat` for one graph, within bounds. */
export function concatSplitter(graph: Graph): Rule {
  let left = GROWTH.least + GROWTH.share * topological(graph).length;
  return (value, site) => {
    const split = left > 0 ? splitConcat(value, site) : undefined;
    left -= split?.inputs.length ?? 0;
    return split;
  };
}

/** op(concat(parts), constants) -> concat(op(part, constants of its channels)). */
const splitConcat: Rule = (value, site) => {
  if (!isElementwise(value)) return undefined;
  const concat = value.inputs.find((input) => input.op === 'concat');
  if (concat === undefined || concat.attrs.axis !== value.shape.length - 1) return undefined;
  if (!value.inputs.every((input) => input === concat || isPerChannel(input, value)))
    return undefined;
  // Parts that stand in memory anyway gain nothing; neither does a result whose bits would have to
  // be spliced.
  if (concat.inputs.some((part) => part.inputs.length === 0)) return undefined;
  if (value.dtype === 'b1' && !joinsWords(concat.inputs, concat.attrs.axis)) return undefined;
  let first = 0;
  const parts = concat.inputs.map((part, i) => {
    const channels = part.shape.at(-1) as number;
    const name = `${value.name}.part${i}`;
    const inputs = value.inputs.map((input) =>
      input === concat
        ? part
        : channelsOf(site.folding, input, `${name}.${input.name}`, first, channels),
    );
    first += channels;
    return make(value.op, name, inputs, value.attrs);
  });
  return make('concat', value.name, parts, concat.attrs);
};

/** A constant with one value a channel, or one for all. */
function isPerChannel(input: Value, value: Value): boolean {
  if (input.op !== 'constant' || input.dtype !== 'f32') return false;
  const channels = input.shape.at(-1) ?? 1;
  return (
    (channels === 1 || channels === value.shape.at(-1)) &&
    input.shape.slice(0, -1).every((dim) => dim === 1) &&
    input.shape.length <= value.shape.length
  );
}

function channelsOf(
  folding: Folding,
  input: Value,
  name: string,
  first: number,
  count: number,
): Value {
  const last = input.shape.length - 1;
  if (last < 0 || input.shape[last] === 1) return input;
  const starts = input.shape.map((_, i) => (i === last ? first : 0));
  const ends = input.shape.map((dim, i) => (i === last ? first + count : dim));
  return folding.fold('slice', name, [input], { starts, ends, steps: input.shape.map(() => 1) });
}

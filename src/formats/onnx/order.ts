/**
 * The nodes that the outputs of an ONNX graph need, each after those it reads. It also checks
 * names: each is defined once, each name that is read is defined, and no node depends on itself.
 * Not here: what the nodes mean.
 */
import { BitplaneError } from '../../core/errors.js';
import type { OnnxGraph, OnnxNode } from './proto.js';

/** @throws BitplaneError ERR_FORMAT */
export function orderedNodes(graph: OnnxGraph): OnnxNode[] {
  const producers = producersOf(graph);
  const order: OnnxNode[] = [];
  const state = new Map<OnnxNode, 'open' | 'done'>();
  // Depth first, by hand: a file may nest deeper than the call stack.
  const stack = graph.outputs.map((output) => producers.get(output.name) ?? undefined).reverse();
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    const seen = node === undefined ? 'done' : state.get(node);
    if (node === undefined || seen !== undefined) {
      stack.pop();
      if (node !== undefined && seen === 'open') {
        state.set(node, 'done');
        order.push(node);
      }
      continue;
    }
    state.set(node, 'open');
    for (const name of readBy(node)) {
      const producer = producers.get(name);
      if (producer === undefined || producer === null) continue;
      if (state.get(producer) === 'open')
        throw new BitplaneError('ERR_FORMAT', 'the node depends on its own result', siteOf(node));
      if (!state.has(producer)) stack.push(producer);
    }
  }
  return order;
}

/** The names that a node reads: its inputs, and what its branches take from around them. */
function readBy(node: OnnxNode): readonly string[] {
  const outer = [...node.attributes.values()].flatMap(({ graph }) =>
    graph === undefined ? [] : freeNames(graph),
  );
  return [...node.inputs, ...outer];
}

function freeNames(graph: OnnxGraph): string[] {
  const own = new Set([
    ...graph.initializers.map(({ name }) => name),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const read = [...graph.nodes.flatMap(readBy), ...graph.outputs.map(({ name }) => name)];
  return read.filter((name) => !own.has(name));
}

/**
 * The nodes of a branch, which stands in the scope of the names `outer`.
 * @throws BitplaneError ERR_FORMAT
 */
export function branchNodes(branch: OnnxGraph, isOuter: (name: string) => boolean): OnnxNode[] {
  const own = new Set(branch.nodes.flatMap(({ outputs }) => outputs));
  for (const { name } of branch.initializers) own.add(name);
  const inputs = [...new Set(freeNames(branch))].filter((name) => name !== '' && isOuter(name));
  const infos = inputs
    .filter((name) => !own.has(name))
    .map((name) => ({ name, elementType: 0, dims: undefined }));
  return orderedNodes({ ...branch, inputs: infos });
}

/** The node that makes each name; null for an input or initializer. */
function producersOf(graph: OnnxGraph): Map<string, OnnxNode | null> {
  const producers = new Map<string, OnnxNode | null>();
  const inputs = new Set<string>();
  for (const { name } of graph.inputs) {
    if (name === '' || inputs.has(name)) throw badName('inputs', name);
    inputs.add(name);
  }
  for (const { name } of graph.initializers) {
    if (name === '' || producers.has(name)) throw badName('initializers', name);
    producers.set(name, null);
  }
  // An initializer with the name of an input is that input's default value, so the input counts as
  // a constant.
  for (const name of inputs) producers.set(name, null);
  for (const node of graph.nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (producers.has(name))
        throw new BitplaneError(
          'ERR_FORMAT',
          `its output "${name}" is already defined`,
          siteOf(node),
        );
      producers.set(name, node);
    }
  }
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      if (name !== '' && !producers.has(name))
        throw new BitplaneError(
          'ERR_FORMAT',
          `its input "${name}" is not defined anywhere`,
          siteOf(node),
        );
    }
  }
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    if (outputs.has(name)) throw badName('outputs', name);
    if (!producers.has(name))
      throw new BitplaneError('ERR_FORMAT', 'it is not defined anywhere', {
        op: 'output',
        node: name,
      });
    outputs.add(name);
  }
  return producers;
}

function badName(which: 'inputs' | 'initializers' | 'outputs', name: string): BitplaneError {
  return new BitplaneError(
    'ERR_FORMAT',
    `expected ${which} with ${name === '' ? 'names' : 'names that differ'}`,
    {
      op: which.slice(0, -1),
      node: name,
    },
  );
}

function siteOf(node: OnnxNode): { op: string; node: string } {
  return { op: node.opType, node: node.name === '' ? (node.outputs[0] ?? '') : node.name };
}

/**
 * Mutations of a graph in a model file that leave it likely to load: another op of as many
 * operands, another operand, a size or a number close to what stood there, an op in between. Not
 * here: what breaks the JSON itself (./json.mjs).
 */

const UNARY = 'relu tanh sigmoid erf abs neg sqrt exp log floor ceil round signum sign'.split(' ');
const BINARY = 'add sub mul div max min pow prelu'.split(' ');
const WINDOWS = ['maxPool2d', 'avgPool2d'];
const PRODUCTS = ['dense', 'matmul', 'conv2d'];

/** @param dtypes the names of all */
export function mutateGraph(random, given, dtypes) {
  const graph = structuredClone(given);
  if (!Array.isArray(graph.nodes)) return graph;
  for (let times = 1 + random.below(3); times > 0; times--)
    random.pick(KINDS)(random, graph, dtypes);
  return graph;
}

const node = (random, graph, wanted) =>
  random.pick(
    graph.nodes.filter((entry) => entry !== null && typeof entry === 'object' && wanted(entry)),
  );
const isOp = (entry) => Array.isArray(entry.inputs) && entry.inputs.length > 0;
/** Of a file that was mutated before anything may be anything. */
const listed = (value) => (Array.isArray(value) ? value : []);
const like = (random, value) =>
  random.pick([value - 1, value + 1, value + 1, value * 2, 1, 2, 3, 8, 64]);

const KINDS = [
  (random, graph) => {
    const entry = node(random, graph, isOp);
    const group = [UNARY, BINARY, WINDOWS, PRODUCTS].find((ops) => ops.includes(entry?.op));
    if (group !== undefined) entry.op = random.pick(group);
  },
  (random, graph) => {
    const place = random.below(graph.nodes.length || 1);
    const entry = graph.nodes[place];
    if (isOp(entry ?? {}))
      entry.inputs[random.below(entry.inputs.length)] = random.below(place || 1);
  },
  ...Array(3).fill((random, graph) => {
    const entry = node(random, graph, ({ attrs }) => attrs !== null && typeof attrs === 'object');
    if (entry === undefined) return;
    const key = random.pick(Object.keys(entry.attrs));
    const value = entry.attrs[key];
    if (typeof value === 'number')
      entry.attrs[key] = random.once(4) ? random.float() : like(random, value);
    else if (typeof value === 'boolean') entry.attrs[key] = !value;
    else if (Array.isArray(value) && value.length > 0) {
      const at = random.below(value.length);
      if (typeof value[at] === 'number') value[at] = random.once(3) ? 0 : like(random, value[at]);
    }
  }),
  ...Array(2).fill((random, graph) => {
    const entry = node(
      random,
      graph,
      ({ op, shape }) => op === 'input' && Array.isArray(shape) && shape.length > 0,
    );
    if (entry === undefined) return;
    const at = random.below(entry.shape.length);
    entry.shape[at] =
      typeof entry.shape[at] === 'number'
        ? like(random, entry.shape[at])
        : random.pick([1, 2, 0, 'M']);
  }),
  // Half of the inputs are floats, which most ops take.
  (random, graph, dtypes) => {
    const entry = node(random, graph, ({ op }) => op === 'input');
    if (entry !== undefined) entry.dtype = random.once(2) ? 'f32' : random.pick(dtypes);
  },
  // An op behind everything else, and an output of it.
  ...Array(3).fill((random, graph, dtypes) => {
    const place = () => random.below(graph.nodes.length);
    const name = `new${random.below(1000)}`;
    const entry = random.pick([
      { op: random.pick(UNARY), name, inputs: [place()] },
      { op: random.pick(BINARY), name, inputs: [place(), place()] },
      { op: 'cast', name, inputs: [place()], attrs: { to: random.pick(dtypes) } },
    ]);
    graph.nodes.push(entry);
    graph.outputs = [...listed(graph.outputs), [name, name]];
  }),
  (random, graph) => {
    const entry = node(random, graph, isOp);
    if (entry !== undefined)
      graph.outputs = [...listed(graph.outputs), [`also ${entry.name}`, entry.name]];
  },
  (random, graph, dtypes) => {
    const entry = node(random, graph, ({ op }) => op === 'cast' || op === 'sign');
    if (entry?.op === 'cast') entry.attrs = { to: random.pick(dtypes) };
  },
];

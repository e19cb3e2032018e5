/**
 * Mutations of ONNX files: of any field, and of the graph (other operators, operands, attributes,
 * shapes, weights, nodes from another file). Not here: the wire format (./protobuf.mjs), trying the
 * files (./readers.mjs).
 */
import { mutateBytes } from './bytes.mjs';
import { messages, pack, parse, unpack, write } from './protobuf.mjs';

/** @param operators names of all that the importer knows */
export function mutateOnnx(random, bytes, other, operators) {
  const tree = random.once(12) ? undefined : parse(bytes, 'model');
  if (tree === undefined) return mutateBytes(random, bytes, other);
  const file = { tree, other: () => parse(other, 'model') ?? tree, operators };
  for (let times = 1 + random.below(random.once(4) ? 6 : 2); times > 0; times--)
    random.pick(KINDS)(random, file);
  return write(tree);
}

/** The same file with less in it, one field left out at a time; for making findings small. */
export function* smallerOnnx(bytes) {
  const count = messages(parse(bytes, 'model') ?? { fields: [] }).length;
  for (let m = 0; m < count; m++) {
    for (let f = 0; ; f++) {
      const tree = parse(bytes, 'model');
      const fields = messages(tree)[m].fields;
      if (f >= fields.length) break;
      fields.splice(f, 1);
      yield write(tree);
    }
  }
}

const some = (tree, schema) => messages(tree).filter((message) => message.schema === schema);
const field = (message, number) => message?.fields.filter((entry) => entry.number === number) ?? [];
const text = (string) => Buffer.from(string);

/** A name of the file: of an operand, a result, an input, a weight. */
function name(random, { tree }) {
  const names = [
    ...some(tree, 'node').flatMap((node) => [...field(node, 1), ...field(node, 2)]),
    ...some(tree, 'tensor').flatMap((tensor) => field(tensor, 8)),
    ...some(tree, 'info').flatMap((info) => field(info, 1)),
  ];
  return names.length === 0 ? text('x') : random.pick(names).value;
}

function anyField(random, { tree }) {
  const message = random.pick(messages(tree));
  return { message, at: random.below(message.fields.length || 1) };
}

function changeList(random, values, make) {
  const out = [...values];
  const at = random.below(out.length || 1);
  const kind = random.below(8);
  if (kind === 0) out.splice(at, 1);
  else if (kind === 1) out.splice(at, 0, make(out[at] ?? 1n));
  else out[at] = make(out[at] ?? 1n);
  return out;
}

function changeInts(random, entry) {
  const make = (value) => BigInt(random.integer(value));
  if (entry.wire === 0) entry.value = make(BigInt.asIntN(64, entry.value));
  else if (entry.wire === 2 && entry.value.fields === undefined)
    entry.value = pack(changeList(random, unpack(entry.value), make));
}

const KINDS = [
  // Fields
  (random, file) => {
    const { message, at } = anyField(random, file);
    message.fields.splice(at, 1);
  },
  (random, file) => {
    const { message, at } = anyField(random, file);
    if (message.fields[at] !== undefined)
      message.fields.splice(random.below(message.fields.length + 1), 0, message.fields[at]);
  },
  (random, file) => {
    const { message, at } = anyField(random, file);
    const entry = message.fields[at];
    if (entry !== undefined)
      entry.number = random.once(2)
        ? 1 + random.below(16)
        : Math.max(1, entry.number + random.pick([-1, 1]));
  },
  (random, file) => {
    const { message, at } = anyField(random, file);
    if (message.fields[at]?.wire === 0) changeInts(random, message.fields[at]);
  },
  (random, file) => {
    const { message, at } = anyField(random, file);
    const entry = message.fields[at];
    if (entry?.value instanceof Uint8Array && entry.wire === 2)
      entry.value = mutateBytes(random, entry.value);
  },
  // Operators and operands
  ...Array(3).fill((random, file) => {
    const node = random.pick(some(file.tree, 'node'));
    const operator = field(node, 4)[0];
    if (operator !== undefined) operator.value = text(random.pick(file.operators));
  }),
  ...Array(3).fill((random, file) => {
    const operand = random.pick(field(random.pick(some(file.tree, 'node')), 1));
    if (operand !== undefined)
      operand.value = random.once(10) ? Buffer.alloc(0) : name(random, file);
  }),
  (random, file) =>
    random
      .pick(some(file.tree, 'node'))
      ?.fields.unshift({ number: 1, wire: 2, value: name(random, file) }),
  // A node between a value and whoever reads it
  (random, file) => {
    const nodes = some(file.tree, 'node');
    const reader = random.pick(field(random.pick(nodes), 1));
    const graph = some(file.tree, 'graph')[0];
    if (reader === undefined || graph === undefined) return;
    const result = text(`new_${random.below(1000)}`);
    const fields = [
      { number: 1, wire: 2, value: reader.value },
      { number: 2, wire: 2, value: result },
      { number: 4, wire: 2, value: text(random.pick(file.operators)) },
    ];
    if (random.once(2)) fields.splice(1, 0, { number: 1, wire: 2, value: name(random, file) });
    const donor = random.pick(field(random.pick(nodes), 5));
    if (donor !== undefined && random.once(2)) fields.push(donor);
    graph.fields.unshift({ number: 1, wire: 2, value: { schema: 'node', fields } });
    reader.value = result;
  },
  // Attributes
  ...Array(4).fill((random, file) => {
    const attribute = random.pick(some(file.tree, 'attribute'));
    for (const entry of attribute?.fields ?? []) {
      if (entry.number === 3 || entry.number === 8) changeInts(random, entry);
      else if (entry.number === 2 && entry.wire === 5) {
        entry.value = Buffer.alloc(4);
        entry.value.writeFloatLE(random.float());
      }
    }
  }),
  (random, file) => {
    const [from, to] = [random.pick(some(file.tree, 'node')), random.pick(some(file.tree, 'node'))];
    const donor = random.pick(field(from, 5));
    if (donor !== undefined) to.fields.push(donor);
  },
  // Shapes and types
  ...Array(3).fill((random, file) => {
    const dim = random.pick(some(file.tree, 'dim'));
    if (dim !== undefined)
      dim.fields = [
        { number: 1, wire: 0, value: BigInt(random.integer(field(dim, 1)[0]?.value ?? 4n)) },
      ];
  }),
  (random, file) => {
    const dim = random.pick(some(file.tree, 'dim'));
    if (dim !== undefined)
      dim.fields = random.once(2)
        ? []
        : [{ number: 2, wire: 2, value: text(random.pick(['N', 'M', '', 'x'])) }];
  },
  (random, file) => {
    const shape = random.pick(some(file.tree, 'shape'));
    if (shape !== undefined)
      shape.fields = changeList(random, shape.fields, (entry) =>
        typeof entry === 'bigint' ? dimOf(entry) : entry,
      );
  },
  (random, file) => {
    const typed = random.pick([...some(file.tree, 'tensorType'), ...some(file.tree, 'tensor')]);
    const entry = field(typed, typed?.schema === 'tensor' ? 2 : 1)[0];
    if (entry?.wire === 0) entry.value = BigInt(random.below(28));
  },
  (random, file) => {
    const opset = random.pick(some(file.tree, 'opset'));
    for (const entry of field(opset, 2))
      if (entry.wire === 0) entry.value = BigInt(random.below(28));
  },
  // Weights: other numbers, another shape of as many, a shape that no data fits
  ...Array(2).fill((random, file) => {
    const tensor = random.pick(some(file.tree, 'tensor'));
    for (const entry of tensor?.fields ?? []) {
      if (entry.wire === 2 && (entry.number === 9 || entry.number === 4)) {
        const bytes = Buffer.from(entry.value);
        for (let times = 1 + random.below(4); times > 0 && bytes.length >= 4; times--)
          bytes.writeFloatLE(random.float(), 4 * random.below(bytes.length >> 2));
        entry.value = bytes;
      } else if (entry.number === 7) changeInts(random, entry);
    }
  }),
  (random, file) => {
    const dims = field(random.pick(some(file.tree, 'tensor')), 1)[0];
    if (dims !== undefined) changeInts(random, dims);
  },
  (random, file) => {
    const dims = field(random.pick(some(file.tree, 'tensor')), 1)[0];
    if (dims?.wire !== 2) return;
    const sizes = unpack(dims.value);
    dims.value = pack(random.once(2) ? sizes.reverse() : [sizes.reduce((a, b) => a * b, 1n), 1n]);
  },
  // Another file's nodes and weights
  (random, file) => {
    const [graph, donor] = [some(file.tree, 'graph')[0], some(file.other(), 'graph')[0]];
    if (graph === undefined || donor === undefined) return;
    graph.fields.push(...donor.fields.filter(() => random.once(2)));
  },
  // An output of something in the middle
  (random, file) => {
    const graph = some(file.tree, 'graph')[0];
    const value = { schema: 'info', fields: [{ number: 1, wire: 2, value: name(random, file) }] };
    graph?.fields.push({ number: 12, wire: 2, value });
  },
];

function dimOf(value) {
  return { number: 1, wire: 2, value: { schema: 'dim', fields: [{ number: 1, wire: 0, value }] } };
}

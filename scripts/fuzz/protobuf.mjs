/**
 * Protobuf messages as trees that can be changed and written again, whatever they hold: { schema,
 * fields: [{ number, wire, value }] }, a value being a BigInt, bytes, or a tree where the schema
 * says that a message stands there. Not here: ONNX's meaning (./onnx.mjs).
 */

/** The messages of onnx.proto by the fields that hold messages. */
export const ONNX = {
  model: { 7: 'graph', 8: 'opset' },
  graph: { 1: 'node', 5: 'tensor', 11: 'info', 12: 'info', 13: 'info' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor' },
  info: { 2: 'type' },
  type: { 1: 'tensorType' },
  tensorType: { 2: 'shape' },
  shape: { 1: 'dim' },
  opset: {},
  tensor: {},
  dim: {},
};

/** undefined where the bytes are no such message. */
export function parse(bytes, schema) {
  const fields = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = varint(bytes, at);
    if (tag === undefined) return undefined;
    const [number, wire] = [Number(tag.value >> 3n), Number(tag.value & 7n)];
    at = tag.end;
    if (wire === 0) {
      const found = varint(bytes, at);
      if (found === undefined) return undefined;
      fields.push({ number, wire, value: found.value });
      at = found.end;
      continue;
    }
    let length = wire === 1 ? 8 : wire === 5 ? 4 : undefined;
    if (wire === 2) {
      const size = varint(bytes, at);
      if (size === undefined) return undefined;
      [length, at] = [Number(size.value), size.end];
    }
    if (length === undefined || at + length > bytes.length) return undefined;
    const value = bytes.subarray(at, at + length);
    const inner = wire === 2 ? ONNX[schema]?.[number] : undefined;
    fields.push({ number, wire, value: (inner && parse(value, inner)) ?? value });
    at += length;
  }
  return { schema, fields };
}

export function write({ fields }) {
  const parts = [];
  for (const { number, wire, value } of fields) {
    parts.push(varintBytes((BigInt(number) << 3n) | BigInt(wire)));
    if (wire === 0) parts.push(varintBytes(BigInt(value)));
    else {
      const bytes = value.fields === undefined ? value : write(value);
      if (wire === 2) parts.push(varintBytes(BigInt(bytes.length)));
      parts.push(bytes);
    }
  }
  return Buffer.concat(parts);
}

/** Every message of a tree, the tree itself first. */
export function messages(tree, found = []) {
  found.push(tree);
  for (const { value } of tree.fields) if (value.fields !== undefined) messages(value, found);
  return found;
}

/** Numbers of a packed repeated field. */
export function unpack(bytes) {
  const values = [];
  for (let at = 0; at < bytes.length; ) {
    const found = varint(bytes, at);
    if (found === undefined) break;
    values.push(BigInt.asIntN(64, found.value));
    at = found.end;
  }
  return values;
}

export function pack(values) {
  return Buffer.concat(values.map((value) => varintBytes(BigInt(value))));
}

function varint(bytes, start) {
  let value = 0n;
  for (let at = start, shift = 0n; at < bytes.length && shift < 70n; at++, shift += 7n) {
    value |= BigInt(bytes[at] & 0x7f) << shift;
    if (bytes[at] < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}

function varintBytes(value) {
  const out = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...out, Number(rest)]);
    out.push(Number(rest & 0x7fn) | 0x80);
  }
}

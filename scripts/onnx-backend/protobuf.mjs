/** As much of protobuf as it takes to put tensors into a model. Not here: their meaning. */

/** A field whose content is bytes. */
export function field(number, bytes) {
  return joined([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export function joined(parts) {
  return new Uint8Array(Buffer.concat(parts));
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Uint8Array.from([...bytes, value]);
}

/** A message with the content of its field of bytes `number` changed. */
export function withField(message, number, change) {
  const parts = [];
  for (let at = 0; at < message.length; ) {
    const [key, afterKey] = readVarint(message, at);
    const end = endOf(message, key % 8, afterKey);
    if (key === number * 8 + 2) {
      const [, content] = readVarint(message, afterKey);
      parts.push(field(number, change(message.subarray(content, end))));
    } else parts.push(message.subarray(at, end));
    at = end;
  }
  return joined(parts);
}

function readVarint(bytes, at) {
  let [value, scale] = [0, 1];
  for (; bytes[at] > 127; at++, scale *= 128) value += (bytes[at] - 128) * scale;
  return [value + bytes[at] * scale, at + 1];
}

/** Where a field ends, by its wire type: varint, 8 bytes, bytes, 4 bytes. */
function endOf(bytes, wire, at) {
  if (wire === 0) return readVarint(bytes, at)[1];
  if (wire === 1) return at + 8;
  if (wire === 5) return at + 4;
  const [length, content] = readVarint(bytes, at);
  return content + length;
}

/** Mutations of bytes without regard to their structure, used now and then for every reader. */

/** @param other bytes of another file, to splice */
export function mutateBytes(random, bytes, other = bytes) {
  let out = Buffer.from(bytes);
  for (let times = 1 + random.below(3); times > 0; times--)
    out = random.pick(KINDS)(random, out, other);
  return out;
}

const place = (random, bytes) => random.below(bytes.length + 1);

const KINDS = [
  // One bit, one byte, four bytes.
  (random, bytes) =>
    set(bytes, random.below(bytes.length || 1), (bytes[0] ?? 0) ^ (1 << random.below(8))),
  (random, bytes) =>
    set(
      bytes,
      random.below(bytes.length || 1),
      random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]),
    ),
  (random, bytes) => {
    if (bytes.length < 4) return bytes;
    bytes.writeInt32LE(
      Number(BigInt.asIntN(32, BigInt(random.integer(0)))),
      random.below(bytes.length - 3),
    );
    return bytes;
  },
  (random, bytes) => bytes.subarray(0, place(random, bytes)),
  (random, bytes) => cut(bytes, place(random, bytes), random.below(16), []),
  (random, bytes) => cut(bytes, place(random, bytes), 0, random.bytes(random.below(16))),
  (random, bytes) =>
    cut(bytes, place(random, bytes), random.below(8), random.bytes(random.below(8))),
  (random, bytes) => {
    const from = place(random, bytes);
    return cut(bytes, place(random, bytes), 0, bytes.subarray(from, from + random.below(64)));
  },
  (random, bytes, other) =>
    Buffer.concat([bytes.subarray(0, place(random, bytes)), other.subarray(place(random, other))]),
];

function set(bytes, at, value) {
  if (at < bytes.length) bytes[at] = value;
  return bytes;
}

function cut(bytes, at, length, instead) {
  return Buffer.concat([
    bytes.subarray(0, at),
    Uint8Array.from(instead),
    bytes.subarray(at + length),
  ]);
}

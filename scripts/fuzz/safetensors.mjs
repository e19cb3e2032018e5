/**
 * Mutations of safetensors files: of the header, of the graph inside it, of the tensors, with the
 * lengths around them corrected or not. Not here: trying the files (./readers.mjs).
 */
import { mutateBytes } from './bytes.mjs';
import { mutateGraph } from './graph.mjs';
import { mutateJson, mutateText, smallerJson } from './json.mjs';

const GRAPH = 'bitplane.graph';
const WORDS = [
  'F32',
  'I32',
  'I8',
  'U8',
  'BF16',
  'f32',
  'b1',
  'i32',
  'N',
  'x',
  'dtype',
  'shape',
  'data_offsets',
  '__metadata__',
  GRAPH,
];

/**
 * @param names.ops all ops
 * @param names.dtypes all dtypes
 */
export function mutateSafetensors(random, bytes, other, { ops, dtypes }) {
  const file = random.once(12) ? undefined : open(bytes);
  if (file === undefined) return mutateBytes(random, bytes, other);
  const { header, data } = file;
  const kind = random.below(10);
  if (kind < 6 && header.__metadata__?.[GRAPH] !== undefined) {
    const graph = parsed(header.__metadata__[GRAPH]);
    const words = [...WORDS, ...ops, ...dtypes];
    if (graph !== undefined)
      header.__metadata__[GRAPH] =
        kind < 2
          ? mutateText(random, graph, words)
          : JSON.stringify(mutateGraph(random, graph, dtypes));
    return close(random, header, data);
  }
  if (kind < 7) return close(random, mutateJson(random, header, WORDS), data);
  if (kind < 8) {
    const text = mutateText(random, header, WORDS);
    return close(random, text, data);
  }
  return close(random, header, kind === 8 ? mutateBytes(random, data) : changeFloats(random, data));
}

/** The same file with less in it. */
export function* smallerSafetensors(bytes) {
  const file = open(bytes);
  if (file === undefined) return;
  const graph = parsed(file.header.__metadata__?.[GRAPH] ?? '');
  if (graph !== undefined) {
    for (const less of smallerJson(graph)) {
      const header = structuredClone(file.header);
      header.__metadata__[GRAPH] = JSON.stringify(less);
      yield join(JSON.stringify(header), file.data);
    }
  }
  for (const less of smallerJson(file.header)) yield join(JSON.stringify(less), file.data);
}

function open(bytes) {
  if (bytes.length < 8) return undefined;
  const length = Number(Buffer.from(bytes.buffer, bytes.byteOffset, 8).readBigUInt64LE());
  const header = parsed(Buffer.from(bytes.subarray(8, 8 + length)).toString());
  return header === undefined
    ? undefined
    : { header, data: Buffer.from(bytes.subarray(8 + length)) };
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

function close(random, header, data) {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  return join(text, data, random.once(20) ? random.integer(0) : 0);
}

function join(text, data, wrong = 0) {
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt.asUintN(64, BigInt(header.length) + BigInt(wrong)));
  return Buffer.concat([length, header, data]);
}

function changeFloats(random, data) {
  const out = Buffer.from(data);
  for (let times = 1 + random.below(4); times > 0 && out.length >= 4; times--)
    out.writeFloatLE(random.float(), 4 * random.below(out.length >> 2));
  return out;
}

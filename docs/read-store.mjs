// Prints the float weights of a task of a store as JSON, the bits below its own masked:
//   node read-store.mjs STORE TASK WEIGHTS        (letters as in store.md)
import { readFileSync } from 'node:fs';

const [path, task, name] = process.argv.slice(2);
const file = readFileSync(path);
const data = 8 + Number(file.readBigUInt64LE(0));
const { __metadata__: metadata, ...header } = JSON.parse(file.subarray(8, data));
const { tasks, weights } = JSON.parse(metadata['bitplane.tasks']);
const [words, signs, exponents] = ['words', 'signs', 'exponents'].map((part) => {
  const [begin, end] = header[`shared/${name}.${part}`].data_offsets;
  return file.subarray(data + begin, data + end);
});
const bits = (bytes, first, count) => {
  let value = 0;
  for (let k = first + count - 1; k >= first; k--)
    value = 2 * value + ((bytes[k >> 3] >> (k & 7)) & 1);
  return value;
};
const { method, shape, fields, granularity } = weights.find((one) => one.name === name);
const N = shape.reduce((a, b) => a * b, 1);
const k = tasks.findIndex((one) => one.name === task);
const [W, s] = [0, k + 1].map((from) => fields.slice(from).reduce((a, b) => a + b, 0));
const groups = exponents.length / 2 / tasks.length;
const { block = N / groups } = granularity ?? {};
const row = granularity?.block ? shape.at(-1) : N;
const group = (i) => Math.floor(i / row) * Math.ceil(row / block) + Math.floor((i % row) / block);
const floats = Array.from({ length: N }, (_, i) => {
  const sign = bits(signs, k * N + i, 1) === 1 ? -1 : 1;
  const M = bits(words, i * W + s, fields[k]);
  if (method === 'bfp')
    return sign * M * 2 ** (exponents.readInt16LE(2 * (k * groups + group(i))) - fields[k] + 1);
  const e = exponents[k * N + i];
  return sign * ((e === 0 ? 0 : 1) + M / 2 ** fields[k]) * 2 ** (Math.max(e, 1) - 127);
});
console.log(JSON.stringify(floats));

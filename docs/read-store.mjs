// Prints the float weights of a task of a store as JSON, the bits below its own masked:
//   node read-store.mjs STORE TASK WEIGHTS        (letters as in store.md)
import { readFileSync } from 'node:fs';

const [path, task, name] = process.argv.slice(2);
const file = readFileSync(path);
const data = 8 + Number(file.readBigUInt64LE(0));
const { __metadata__: metadata, ...header } = JSON.parse(file.subarray(8, data));
const { tasks, weights } = JSON.parse(metadata['bitplane.tasks']);
const tensor = (part) => {
  const [begin, end] = header[`shared/${name}.${part}`].data_offsets;
  return file.subarray(data + begin, data + end);
};
const bits = (part, first, count) => {
  const bytes = tensor(part);
  let value = 0;
  for (let k = first + count - 1; k >= first; k--)
    value = 2 * value + ((bytes[k >> 3] >> (k & 7)) & 1);
  return value;
};
const { method, shape, fields = [], granularity } = weights.find((one) => one.name === name);
const [N, K] = [shape.reduce((a, b) => a * b, 1), tasks.length];
const k = tasks.findIndex((one) => one.name === task);
const [W, s] = [0, k + 1].map((from) => fields.slice(from).reduce((a, b) => a + b, 0));
const { block = N / (granularity === 'channel' ? shape[0] : 1) } = granularity ?? {};
const row = granularity?.block ? shape.at(-1) : N;
const groups = (N / row) * Math.ceil(row / block);
const group = (i) => Math.floor(i / row) * Math.ceil(row / block) + Math.floor((i % row) / block);
const mantissa = (i) => bits('words', i * W + s, fields[k]);
const signed = (part, i, magnitude) => (bits(part, k * N + i, 1) === 1 ? -magnitude : magnitude);
const float = (i) => tensor('values').readFloatLE(4 * i);
const isTaken = (i) => bits('masks', k * N + i, 1) === 1;
const READ = {
  bfp(i) {
    const E = tensor('exponents').readInt16LE(2 * (k * groups + group(i)));
    return signed('signs', i, mantissa(i) * 2 ** (E - fields[k] + 1));
  },
  ieee754(i) {
    const e = tensor('exponents')[k * N + i];
    const whole = (e === 0 ? 0 : 1) + mantissa(i) / 2 ** fields[k];
    return signed('signs', i, whole * 2 ** (Math.max(e, 1) - 127));
  },
  bits: (i) => signed('planes', i, 1),
  floats: float,
  masks: (i) => (isTaken(i) ? float(i) : 0),
  ternary: (i) => (isTaken(i) ? signed('signs', i, float(i)) : 0),
  owners(i) {
    const b = Math.ceil(Math.log2(K + 1));
    const owner = bits('owners', i * b, b);
    return owner >= 1 && owner <= k + 1 ? float(i) : 0;
  },
};
console.log(JSON.stringify(Array.from({ length: N }, (_, i) => READ[method](i))));

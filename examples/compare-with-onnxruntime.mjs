// An ONNX file in bitplane and in onnxruntime on the same input: how far every output is apart, and
// the time of both. `bitplane check MODEL` and `bitplane bench MODEL --vs onnxruntime` say more.
//
//   npm install bitplane onnxruntime-node
//   node compare-with-onnxruntime.mjs MODEL.onnx [RUNS=50]
import { Session, Tensor } from 'bitplane';
import * as ort from 'onnxruntime-node';

const [model, runs = '50'] = process.argv.slice(2);
const ours = await Session.create(model, { threads: 1 });
const theirs = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });

const feeds = {};
for (const { name, shape } of ours.inputMetadata) {
  const sizes = shape.map((size) => (typeof size === 'number' ? size : 1));
  const count = sizes.reduce((product, size) => product * size, 1);
  const numbers = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37));
  feeds[name] = new Tensor('f32', numbers, sizes);
}
const ortFeeds = Object.fromEntries(
  Object.entries(feeds).map(([name, { data, shape }]) => [
    name,
    new ort.Tensor('float32', data, shape),
  ]),
);

const a = await ours.run(feeds);
const b = await theirs.run(ortFeeds);
for (const name of ours.outputNames) {
  const far = a[name].data.reduce((most, x, i) => Math.max(most, Math.abs(x - b[name].data[i])), 0);
  console.log(`${name}\t[${a[name].shape}]\tlargest difference ${far.toExponential(1)}`);
}

// They take turns, and the best run of each counts: other work on the machine slows some.
const best = { bitplane: Infinity, onnxruntime: Infinity };
for (let i = 0; i < Number(runs); i++)
  for (const [name, run] of [
    ['bitplane', () => ours.run(feeds)],
    ['onnxruntime', () => theirs.run(ortFeeds)],
  ]) {
    const began = performance.now();
    await run();
    best[name] = Math.min(best[name], performance.now() - began);
  }
for (const [name, ms] of Object.entries(best)) console.log(`${name}\t${(1000 * ms).toFixed(0)} us`);
await ours.release();
await theirs.release();

/**
 * Writes model.safetensors, about 1 MB: a float convolution, eight binary ones, a float layer at
 * the end. All its float arithmetic is on small integers, so its scores are the same bits on every
 * instruction set. Run with the application's folder as the current one.
 */
import { GraphBuilder, saveModel, Tensor } from 'bitplane';

let state = 9;
const next = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state >>> 24;
};
const fill = (array, draw) => array.map(() => draw(next()));

const g = new GraphBuilder();
const floats = (shape, draw) =>
  g.constant(
    new Tensor('f32', fill(new Float32Array(shape.reduce((a, b) => a * b, 1)), draw), shape),
  );
const bits = (shape) =>
  g.constant(
    new Tensor(
      'b1',
      fill(new Uint8Array(shape.reduce((a, b) => a * b, 1) / 8), (byte) => byte),
      shape,
    ),
  );
const pads = [1, 1, 1, 1];
const batchNormAndSign = (dots) => {
  const channels = [dots.shape[3]];
  const shifted = g.sub(
    dots,
    floats(channels, (byte) => byte % 64),
  );
  return g.sign(
    g.mul(
      shifted,
      floats(channels, (byte) => (byte & 1 ? 0.25 : -0.25)),
    ),
  );
};
const binary = (x, to) =>
  g.cast(g.conv2d(x, bits([to, 3, 3, x.shape[3]]), { pads, padValue: 1 }), 'f32');

const x = g.input('x', 'f32', ['N', 16, 16, 3]);
let y = batchNormAndSign(
  g.conv2d(
    x,
    floats([64, 3, 3, 3], (byte) => (byte % 15) - 7),
    { pads },
  ),
);
y = batchNormAndSign(binary(y, 256));
for (let i = 0; i < 7; i++) y = batchNormAndSign(binary(y, 256));
const pooled = g.maxPool2d(binary(y, 256), [4, 4], { strides: [4, 4] });
const flat = g.reshape(pooled, ['N', 16 * 256]);
const scores = g.dense(
  flat,
  floats([28, 16 * 256], (byte) => (byte % 3) - 1),
);
await saveModel(g.graph([x], { scores }), 'model.safetensors');

// Trains a small binary network on drawn pictures of eight shapes, packs it into one file with its
// preprocessing and labels, and writes pictures to try it on. About half a minute on two cores.
//
//   npm install bitplane sharp
//   node train-and-pack.mjs [FOLDER=shapes] [EPOCHS=4] [PICTURES=8000]
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { data, fit, nn, quant, Session, saveModel, train } from 'bitplane';
import sharp from 'sharp';

const [folder = 'shapes', epochs = '4', pictures = '8000'] = process.argv.slice(2);
const sets = data.shapes({ train: Number(pictures), test: 800 });
const { classes, pictureShape, normalization } = sets.train;

// One bit a weight and one bit an activation; shortcuts keep floats, as in Bi-Real Net.
const conv = (filters) =>
  nn.sequential([
    nn.conv2d({
      filters,
      kernel: 3,
      pads: 1,
      weights: quant.scaledSign({ gradient: 'straightThrough' }),
      inputs: quant.signActivation(),
    }),
    nn.batchNorm(),
  ]);
const unit = (filters) => nn.sequential([nn.residual(conv(filters)), nn.prelu()]);
const twice = nn.concat([nn.identity, nn.identity]);
const widen = (filters) =>
  nn.sequential([nn.residual(conv(filters), { shortcut: twice }), nn.prelu()]);

const net = nn.model(
  { input: { name: 'image', shape: ['N', ...pictureShape] } },
  nn.sequential([
    nn.conv2d({ filters: 24, kernel: 4, strides: 2, pads: 1 }),
    nn.batchNorm(),
    unit(24),
    widen(48),
    nn.maxPool2d({ kernel: 2 }),
    unit(48),
    widen(96),
    nn.maxPool2d({ kernel: 6 }),
    nn.flatten(),
    nn.dense({ units: classes.length }),
  ]),
);

const { state } = await fit(net, sets, {
  epochs: Number(epochs),
  batchSize: 100,
  optimizer: train.adam({ rate: 0.01 }),
  schedule: train.linear(),
  callbacks: {
    onEpoch: ({ epoch, testAccuracy, seconds }) =>
      console.log(`epoch ${epoch}: ${testAccuracy.toFixed(2)} %, ${seconds.toFixed(1)} s`),
  },
});

// The recipe says how pictures of any size become the network's input, and travels with it.
const preprocess = {
  layout: 'NHWC',
  color: 'rgb',
  scale: 1 / 255,
  ...normalization,
  resize: pictureShape[0],
  crop: pictureShape[0],
};
const graph = net.graph(state);
const metadata = { 'bitplane.recipe': JSON.stringify({ preprocess, labels: classes }) };
await mkdir(join(folder, 'pictures'), { recursive: true });
const file = join(folder, 'model.safetensors');
await saveModel({ ...graph, metadata }, file);

// What is packed answers as the float network does, picture by picture.
const float = Session.fromGraph(graph, { optimize: false });
const packed = await Session.create(file);
const answers = [];
for (const session of [float, packed]) answers.push(await train.evaluate(session, sets.test));
const [before, after] = answers;
const differing = before.predictions.filter((answer, i) => answer !== after.predictions[i]);
console.log(`${file}: ${(100 * after.accuracy).toFixed(2)} %, ${differing.length} answers differ`);

const [height, width, channels] = pictureShape;
for (const [i, label] of classes.entries()) {
  const path = join(folder, 'pictures', `${label}.png`);
  await sharp(sets.test.bytes(i), { raw: { width, height, channels } }).png().toFile(path);
}
console.log(`pictures of ${classes.join(', ')} in ${join(folder, 'pictures')}`);

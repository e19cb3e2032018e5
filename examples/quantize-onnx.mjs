// A float ONNX file in 8 bits: ranges of activations from pictures, the file that comes of it, and
// how far its answers are from those of the float network.
//
//   npm install bitplane sharp
//   node quantize-onnx.mjs IN.onnx OUT.safetensors PICTURES RECIPE.json
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { imageToTensor, loadModel, quant, readRecipe, Session, saveModel } from 'bitplane';

const [from, to, folder, recipeFile] = process.argv.slice(2);
const recipe = await readRecipe(recipeFile);
const float = await loadModel(from);
const [{ name: input }] = float.inputs;
const names = (await readdir(folder)).filter((name) => /\.(jpe?g|png)$/i.test(name));
const feeds = await Promise.all(
  names.map(async (name) => ({ [input]: await imageToTensor(join(folder, name), recipe) })),
);

const { graph, layers } = await quant.quantizeGraph(float, {
  weights: 'int8-channel',
  activations: 8,
  calibration: feeds,
});
await saveModel(graph, to);
for (const { name, weights } of layers)
  console.log(`${name}\t${weights?.spec ?? 'float'}\t${weights?.decibels.toFixed(1) ?? ''} dB`);

const sessions = [Session.fromGraph(float), await Session.create(to)];
const [output] = sessions[0].outputNames;
let agree = 0;
for (const feed of feeds) {
  const answers = [];
  for (const session of sessions) answers.push((await session.run(feed))[output].argMax());
  if (answers[0] === answers[1]) agree++;
}
const sizes = [(await stat(from)).size, (await stat(to)).size];
console.log(
  `${sizes[0]} bytes -> ${sizes[1]} bytes, the same answer on ${agree} of ${feeds.length}`,
);

// Labels every picture of a folder: its path, the best label, its share.
//
//   npm install bitplane sharp
//   node classify-folder.mjs MODEL FOLDER
//
// MODEL carries its recipe (`bitplane convert` puts it there), or has MODEL.json beside it.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { imageToTensor, readRecipe, recipeOf, Session, softmax, topK } from 'bitplane';

const [model, folder] = process.argv.slice(2);
const session = await Session.create(model);
const carried = 'bitplane.recipe' in session.metadata;
const recipe = carried
  ? recipeOf(session)
  : await readRecipe(model.replace(/\.(onnx|safetensors)$/, '.json'));

const names = (await readdir(folder)).filter((name) => /\.(jpe?g|png)$/i.test(name)).sort();
const [input] = session.inputNames;
const [output] = session.outputNames;
for (const name of names) {
  const image = await imageToTensor(join(folder, name), recipe);
  const results = await session.run({ [input]: image });
  const [best] = topK(softmax(results[output]), 1, recipe.labels);
  console.log(`${name}\t${best.label}\t${(100 * best.score).toFixed(1)} %`);
}
await session.release();

/**
 * Scenes that `bitplane demo` can show of a folder, best first: a network that comes with its
 * recipe, on the real test pictures it was trained for, where both are at hand; else a seeded
 * network on a real or generated picture. Not here: running it (demo.ts).
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BitplaneError } from '../core/errors.js';
import { openCifar10 } from '../data/cifar10.js';
import type { Dataset } from '../data/dataset.js';
import { listFolder } from '../data/files.js';
import { checkFit } from '../data/fit-input.js';
import { openMnist } from '../data/mnist.js';
import type { Preprocess } from '../data/preprocess.js';
import type { Recipe } from '../data/recipe.js';
import { loadModel } from '../formats/model.js';
import { type Graph, outputsOf } from '../graph/value.js';
import { seededNetwork } from './demo-network.js';
import { knownRecipe } from './find-recipe.js';

export interface Scene {
  /** One sentence: the network and the pictures. */
  readonly title: string;
  readonly graph: Graph;
  readonly data: Dataset;
  readonly preprocess: Preprocess;
  /** False for a seeded network, whose answers mean nothing. */
  readonly trained: boolean;
  /** Networks that were found but do not fit, and why. */
  readonly notes: readonly string[];
}

/** Published networks with a description, tried before any other. */
const PUBLISHED: Readonly<Record<string, string>> = {
  'cnv-w1a1': 'a 1-bit convolutional network',
  'lfc-w1a1': 'a 1-bit dense network',
};
const MODEL = /(\.onnx|\.qonnx|\.safetensors)(\.gz)?$/i;
const SEEDED_SIDE = 32;
const SEEDED: Preprocess = { layout: 'NHWC', color: 'rgb', scale: 1 / 127.5, mean: [1], std: [1] };

/**
 * Models are looked for in the folder `root` itself, in its `models` folder, and in one beside it.
 * @throws BitplaneError ERR_IO where `root` is no folder, ERR_FORMAT where a data set in it is
 * damaged
 */
export async function findScene(root: string): Promise<Scene> {
  await listFolder(root);
  const sets = [
    await absentAsUndefined(openCifar10(root)),
    await absentAsUndefined(openMnist(root)),
  ].filter((set) => set !== undefined);
  const notes: string[] = [];
  for (const path of await modelFiles(root)) {
    const found = await trainedScene(path, sets, root);
    if (typeof found !== 'string') return { ...found, notes };
    notes.push(`${path} is not shown: ${found}`);
  }
  const data = sets[0] ?? generatedPicture();
  const title = `a seeded, untrained binary network, on a picture of ${data.name}`;
  return {
    title,
    graph: seededNetwork(data.pictureShape[0]),
    data,
    preprocess: SEEDED,
    trained: false,
    notes,
  };
}

/** The model files at hand, published ones first. */
async function modelFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  for (const folder of [root, join(root, 'models'), join(root, '..', 'models')]) {
    if (!existsSync(folder)) continue;
    for (const file of (await listFolder(folder)).files)
      if (MODEL.test(file)) files.push(join(folder, file));
  }
  const rank = (path: string) => {
    const at = Object.keys(PUBLISHED).indexOf(stem(path));
    return at < 0 ? Number.POSITIVE_INFINITY : at;
  };
  return files.sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}

/** The network on the first data set that it fits, or why it fits none. */
async function trainedScene(
  path: string,
  sets: readonly Dataset[],
  root: string,
): Promise<Omit<Scene, 'notes'> | string> {
  if (sets.length === 0) return `no pictures of CIFAR-10 or MNIST in ${root}`;
  try {
    const graph = await loadModel(path);
    const recipe = await knownRecipe(path, graph);
    if (recipe === undefined) return 'no recipe beside it or in it says how pictures are prepared';
    const problems: string[] = [];
    for (const data of sets) {
      const problem = mismatch(graph, data, recipe);
      if (problem === undefined) {
        const name = stem(path);
        const network = [name, PUBLISHED[name]].filter(Boolean).join(', ');
        const title = `${network}, on ${data.name} pictures from ${root}`;
        return { title, graph, data, preprocess: recipe.preprocess, trained: true };
      }
      problems.push(problem);
    }
    return problems.join('; ');
  } catch (error) {
    if (error instanceof BitplaneError) return error.message;
    throw error;
  }
}

/** Why the network was not trained for these pictures; undefined where it may have been. */
function mismatch(graph: Graph, data: Dataset, recipe: Recipe): string | undefined {
  const [input, ...inputs] = graph.inputs;
  const [output, ...outputs] = outputsOf(graph).map(([, value]) => value);
  if (input === undefined || output === undefined || inputs.length + outputs.length > 0)
    return 'it has several inputs or outputs';
  if (output.shape.slice(1).join() !== String(data.classes.length))
    return `it does not give ${data.classes.length} scores for ${data.name}`;
  const words = (names: readonly string[]) => names.join('\n').toLowerCase();
  if (recipe.labels !== undefined && words(recipe.labels) !== words(data.classes))
    return `its labels are not the classes of ${data.name}`;
  try {
    checkFit(input, data, recipe);
  } catch (error) {
    if (error instanceof BitplaneError) return error.message;
    throw error;
  }
  return undefined;
}

function stem(path: string): string {
  return basename(path).replace(MODEL, '');
}

/** A missing data set is no error; a damaged one is. */
async function absentAsUndefined(data: Promise<Dataset>): Promise<Dataset | undefined> {
  try {
    return await data;
  } catch (error) {
    if (error instanceof BitplaneError && error.code === 'ERR_IO') return undefined;
    throw error;
  }
}

/** One picture: a bright disc on a gradient. */
function generatedPicture(): Dataset {
  const pixels = new Uint8Array(SEEDED_SIDE * SEEDED_SIDE * 3);
  for (let y = 0; y < SEEDED_SIDE; y++) {
    for (let x = 0; x < SEEDED_SIDE; x++) {
      const inside = Math.hypot(x - 15.5, y - 15.5) < 9;
      pixels.set(inside ? [250, 200, 40] : [8 * x, 8 * y, 128], (y * SEEDED_SIDE + x) * 3);
    }
  }
  return {
    name: 'a generated disc',
    classes: Array.from({ length: 10 }, (_, i) => `class ${i}`),
    size: 1,
    pictureShape: [SEEDED_SIDE, SEEDED_SIDE, 3],
    notes: [],
    read: async (from, to) => ({
      pixels: pixels.slice(0, (to - from) * pixels.length),
      labels: new Int32Array(to - from),
    }),
  };
}

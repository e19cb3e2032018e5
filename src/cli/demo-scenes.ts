/**
 * What `bitplane demo` can show, best first: a published network on its real test pictures where both are at hand, else a seeded
 * network on a real or generated picture. Not here: running it (demo.ts).
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BitplaneError } from '../core/errors.js';
import { openCifar10 } from '../data/cifar10.js';
import type { Dataset } from '../data/dataset.js';
import { openMnist } from '../data/mnist.js';
import type { Preprocess } from '../data/preprocess.js';
import { recipeBeside } from '../data/recipe.js';
import { loadModel } from '../formats/model.js';
import type { Graph } from '../graph/value.js';
import { seededNetwork } from './demo-network.js';

export interface Scene {
  /** One sentence: the network and the pictures. */
  readonly title: string;
  readonly graph: Graph;
  readonly data: Dataset;
  readonly preprocess: Preprocess;
  /** False for a seeded network, whose answers mean nothing. */
  readonly trained: boolean;
}

/** Published networks and the test sets they were trained for. */
const PUBLISHED = [
  { model: 'cnv-w1a1', open: openCifar10, about: 'cnv-w1a1, a 1-bit convolutional network' },
  { model: 'lfc-w1a1', open: openMnist, about: 'lfc-w1a1, a 1-bit dense network' },
];
const SEEDED_SIDE = 32;
const SEEDED: Preprocess = { layout: 'NHWC', color: 'rgb', scale: 1 / 127.5, mean: [1], std: [1] };

/** `dir`, else `bitplane/data` in the user's cache (`$XDG_CACHE_HOME`, else `~/.cache`), where `.ci/run` lays it. Models are looked for in its `models` folder, or one beside it. */
export async function findScene(dir: string | undefined): Promise<Scene> {
  const root = dir ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bitplane', 'data');
  for (const { model, open, about } of PUBLISHED) {
    const path = [join(root, 'models'), join(root, '..', 'models')]
      .map((folder) => join(folder, `${model}.onnx`))
      .find((file) => existsSync(file));
    const data = path === undefined ? undefined : await absentAsUndefined(open(root));
    const recipe = path === undefined ? undefined : await recipeBeside(path);
    if (path === undefined || data === undefined || recipe === undefined) continue;
    const title = `${about}, on ${data.name} pictures from ${root}`;
    return { title, graph: await loadModel(path), data, preprocess: recipe.preprocess, trained: true };
  }
  const data = (await absentAsUndefined(openCifar10(root))) ?? (await absentAsUndefined(openMnist(root))) ?? generatedPicture();
  const graph = seededNetwork(data.pictureShape[0]);
  return {
    title: `a seeded, untrained binary network, on a picture of ${data.name}`,
    graph,
    data,
    preprocess: SEEDED,
    trained: false,
  };
}

/** A data set that is not there is no error here; a damaged one is. */
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
    read: async (from, to) => ({ pixels: pixels.slice(0, (to - from) * pixels.length), labels: new Int32Array(to - from) }),
  };
}

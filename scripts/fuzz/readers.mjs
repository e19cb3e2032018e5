/**
 * Every reader: how its files are mutated and made smaller, and how a file is tried. A reader must
 * throw a BitplaneError or return a result that works. Not here: valid files (./seeds.mjs), running
 * models (./agree.mjs).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DTYPES } from '../../src/core/dtype.ts';
import { openCifar10 } from '../../src/data/cifar10.ts';
import { decodePicture } from '../../src/data/decode-picture.ts';
import { parseIdx } from '../../src/data/idx.ts';
import { fitPicture } from '../../src/data/picture.ts';
import { preprocessPixels } from '../../src/data/preprocess.ts';
import { readRecipe } from '../../src/data/recipe.ts';
import { loadModel } from '../../src/formats/model.ts';
import { readNpy, writeNpy } from '../../src/formats/npy.ts';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.ts';
import { readTensors } from '../../src/formats/tensors.ts';
import { OPS } from '../../src/ops/index.ts';
import { print } from '../../src/ops/print.ts';
import { agree, Difference, MOST_MEMORY } from './agree.mjs';
import { mutateBytes } from './bytes.mjs';
import { mutateText } from './json.mjs';
import { mutateOnnx, smallerOnnx } from './onnx.mjs';
import { mutateProgram, readProgram } from './program.mjs';
import { mutateSafetensors, smallerSafetensors } from './safetensors.mjs';

/**
 * Operators of the importer's table, which exports no list: those that the seeds use and some more.
 */
const OPERATORS =
  `Abs Add AveragePool BatchNormalization BipolarQuant Cast Ceil Clip Concat Constant
  ConstantOfShape Conv ConvTranspose Div Dropout Exp Expand Flatten Floor Gather Gemm
  GlobalAveragePool GlobalMaxPool HardSigmoid Identity LeakyRelu Log MatMul Max MaxPool Min Mul
  MultiThreshold Neg Pad Pow PRelu Quant Range Reciprocal ReduceMax ReduceMean ReduceMin
  ReduceSum Relu Reshape Round Shape Sigmoid Sign Slice Softmax Split Sqrt Squeeze Sub Sum Tanh
  Transpose Trunc Unsqueeze Where`.split(/\s+/);
const NAMES = { ops: Object.keys(OPS), dtypes: Object.keys(DTYPES) };
const RECIPE_WORDS =
  `NCHW NHWC flat rgb gray bgr half-up preprocess labels layout color scale mean std quantize step
  min max round resize crop ../x`.split(/\s+/);

/**
 * Loads a model. A loaded model must save, load again, save as the same file, and run in every way.
 */
async function readModel(bytes, { seed }) {
  const graph = await loadModel(bytes, { maxBytes: MOST_MEMORY });
  print(graph);
  if (seed % 4 === 0) {
    const saved = encodeModel(graph);
    if (!Buffer.from(encodeModel(decodeModel(saved))).equals(Buffer.from(saved)))
      throw new Difference('saved, loaded and saved again it is another file');
  }
  return await agree(graph, seed);
}

/** For the two kinds of files that also hold plain tensors. */
async function readEither(bytes, options) {
  if (options.seed % 16 === 0) await readTensors(bytes).catch(options.refusal);
  return readModel(bytes, options);
}

export const READERS = {
  onnx: {
    model: true,
    extension: 'onnx',
    mutate: (random, bytes, other) => mutateOnnx(random, bytes, other, OPERATORS),
    smaller: smallerOnnx,
    read: readEither,
  },
  safetensors: {
    model: true,
    extension: 'safetensors',
    mutate: (random, bytes, other) => mutateSafetensors(random, bytes, other, NAMES),
    smaller: smallerSafetensors,
    read: readEither,
  },
  npy: {
    extension: 'npy',
    mutate: mutateNpy,
    async read(bytes) {
      const tensor = readNpy(bytes);
      const again = readNpy(writeNpy(tensor));
      if (
        !Buffer.from(again.data.buffer).equals(
          Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength),
        )
      )
        throw new Difference('written and read again it is another tensor');
      return 'ran';
    },
  },
  idx: {
    extension: 'idx',
    mutate: mutateBytes,
    async read(bytes, { seed }) {
      parseIdx(bytes, bytes[3] === 1 || bytes[3] === 3 ? bytes[3] : 1 + (seed % 3), 'file');
      return 'ran';
    },
  },
  cifar: {
    extension: 'bin',
    mutate: mutateBytes,
    async read(bytes, { folder, seed }) {
      const dir = fresh(folder, 'cifar');
      const classes =
        bytes.length < 1000 ? bytes : Buffer.from('a b c d e f g h i j'.replaceAll(' ', '\n'));
      writeFileSync(join(dir, 'batches.meta.txt'), classes);
      writeFileSync(join(dir, 'test_batch.bin'), classes === bytes ? new Uint8Array(3073) : bytes);
      const data = await openCifar10(dir, 'test');
      const { pixels, labels } = await data.read(0, data.size);
      if (pixels.length !== 3072 * labels.length)
        throw new Difference(`${pixels.length} pixels of ${labels.length} pictures`);
      return seed < 0 ? 'refused' : 'ran';
    },
  },
  recipe: {
    extension: 'json',
    mutate(random, bytes) {
      try {
        return Buffer.from(mutateText(random, JSON.parse(Buffer.from(bytes)), RECIPE_WORDS));
      } catch {
        return mutateBytes(random, bytes);
      }
    },
    async read(bytes, { folder }) {
      const path = join(fresh(folder, 'recipe'), 'model.json');
      writeFileSync(path, bytes);
      writeFileSync(join(folder, 'recipe', 'labels.json'), '["a", "b"]');
      const { preprocess } = await readRecipe(path);
      preprocessPixels(new Uint8Array(2 * 4 * 4 * 3), [4, 4, 3], preprocess);
      return 'ran';
    },
  },
  program: { extension: 'bin', mutate: mutateProgram, read: readProgram },
  picture: {
    extension: 'jpg',
    mutate: mutateBytes,
    async read(bytes) {
      const picture = await decodePicture(bytes, 'file');
      fitPicture(picture, { resize: 8, crop: 6 }, 'file');
      return 'ran';
    },
  },
};

/** Headers of .npy files are Python dictionaries. */
function mutateNpy(random, bytes, other) {
  if (random.once(2)) return mutateBytes(random, bytes, other);
  const text = Buffer.from(bytes).toString('latin1');
  const words = [/\d+/g, /<f4|<f8|<i4|<i8|\|i1|\|u1|\|b1/g, /True|False/g, /[(),{}:']/g];
  const found = [...text.slice(10, 128).matchAll(random.pick(words))];
  if (found.length === 0) return mutateBytes(random, bytes, other);
  const { index, 0: word } = random.pick(found);
  const instead = random.pick([
    '0',
    '1',
    '-1',
    '4294967296',
    '9'.repeat(20),
    '<f4',
    '<f8',
    '<i8',
    '>f4',
    '|b1',
    '|O',
    'True',
    'False',
    '',
    ',',
    ')',
  ]);
  return Buffer.from(
    text.slice(0, 10 + index) + instead + text.slice(10 + index + word.length),
    'latin1',
  );
}

function fresh(folder, name) {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/**
 * The usual recipes by name: torchvision's weights for ImageNet, the modes of Keras's
 * applications, CIFAR and MNIST. Not here: reading a recipe (recipe.ts), applying it
 * (preprocess.ts).
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { CIFAR10_LABELS, CIFAR100_LABELS, MNIST_LABELS } from './class-names.js';
import {
  CIFAR10_NORMALIZATION,
  CIFAR100_NORMALIZATION,
  MNIST_NORMALIZATION,
  type Normalization,
} from './normalization.js';
import type { Color, Layout, Preprocess } from './preprocess.js';
import type { Recipe } from './recipe.js';

/** What the caller of a usual recipe may say. */
export interface RecipeOptions {
  /** The axes of the network's input. Default NCHW, of Keras's NHWC. */
  readonly layout?: Layout | undefined;
  /** Names of the classes in the order of the outputs. Default: none, of CIFAR and MNIST theirs. */
  readonly labels?: readonly string[] | undefined;
}

/** What the caller of a Keras recipe may say. */
export interface KerasOptions extends RecipeOptions {
  /** Side of the network's input in pixels. Default 224. */
  readonly size?: number | undefined;
}

/** Of the training pictures of ImageNet, in the digits that torchvision uses. */
const IMAGENET: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * Sides of the usual weights of torchvision, in pixels: resized, then cropped. Weights that resize
 * by bicubic interpolation (EfficientNet, Swin) are not among them: bitplane resizes as `bilinear`.
 */
const TORCHVISION = {
  /** AlexNet, VGG, ResNet, DenseNet, GoogLeNet, MobileNet, ShuffleNet, SqueezeNet, ViT-B/16. */
  IMAGENET1K_V1: [256, 224],
  /** ResNet, ResNeXt, MobileNet, RegNet of the later recipe. */
  IMAGENET1K_V2: [232, 224],
  /** Inception v3. */
  INCEPTION_V3: [342, 299],
} as const;

/** The usual weights of torchvision that `recipes.torchvision` knows. */
export type TorchvisionWeights = keyof typeof TORCHVISION;

/**
 * What `weights.transforms()` of torchvision does to a picture: the shorter side resized, a square
 * cut from the centre, pixels from 0 to 1 with ImageNet's mean and deviation taken out. Sizes
 * become whole pixels as there.
 * @param weights which: the sides are 256 and 224, 232 and 224, or 342 and 299 pixels
 * @throws BitplaneError ERR_ARGUMENT
 */
export function torchvision(
  weights: TorchvisionWeights = 'IMAGENET1K_V1',
  options: RecipeOptions = {},
): Recipe {
  const op = 'recipes.torchvision';
  requireOneOf(weights, Object.keys(TORCHVISION), 'weights', { op });
  const [resize, crop] = TORCHVISION[weights];
  const sides = { resize, crop, rounding: 'torchvision' } as const;
  const preprocess = { color: 'rgb', scale: 1 / 255, ...IMAGENET, ...sides } as const;
  return usual(op, preprocess, 'NCHW', undefined, options);
}

const KERAS = {
  /** Blue first, ImageNet's mean of each channel taken out, no scale. */
  caffe: { color: 'bgr', scale: 1, mean: [103.939, 116.779, 123.68], std: [1] },
  /** From -1 to 1. */
  tf: { color: 'rgb', scale: 1 / 127.5, mean: [1], std: [1] },
  /** As torchvision. */
  torch: { color: 'rgb', scale: 1 / 255, ...IMAGENET },
} as const satisfies Record<string, { color: Color; scale: number } & Normalization>;

/** The modes of `preprocess_input` of Keras's applications. */
export type KerasMode = keyof typeof KERAS;

/**
 * What `preprocess_input(x, mode)` of Keras's applications makes of pixels: 'caffe' for ResNet and
 * VGG, 'tf' for MobileNet, Inception, Xception and ResNet v2, 'torch' for DenseNet. A picture keeps
 * its proportions: its shorter side is resized to `size` and a square cut from the centre, where
 * Keras's `load_img` would squeeze it; resize it yourself and pass pixels for that.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function keras(mode: KerasMode, options: KerasOptions = {}): Recipe {
  const op = 'recipes.keras';
  requireOneOf(mode, Object.keys(KERAS), 'mode', { op });
  requireOptions(options, { layout: true, labels: true, size: true }, { op });
  const { size = 224, ...rest } = options;
  if (!Number.isInteger(size) || size < 1)
    throw expected('ERR_ARGUMENT', 'size to be a whole number of pixels', size, { op });
  return usual(op, { ...KERAS[mode], resize: size, crop: size }, 'NHWC', undefined, rest);
}

/**
 * Pictures of 32 x 32 as networks for CIFAR-10 are usually fed: from 0 to 1, with the mean and
 * deviation of its training pictures taken out. Other pictures are resized and cropped.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function cifar10(options: RecipeOptions = {}): Recipe {
  return small('recipes.cifar10', 32, 'rgb', CIFAR10_NORMALIZATION, CIFAR10_LABELS, options);
}

/** As `cifar10`, for CIFAR-100 by its fine labels. @throws BitplaneError ERR_ARGUMENT */
export function cifar100(options: RecipeOptions = {}): Recipe {
  return small('recipes.cifar100', 32, 'rgb', CIFAR100_NORMALIZATION, CIFAR100_LABELS, options);
}

/**
 * Gray pictures of 28 x 28, white on black, as networks for MNIST are usually fed: from 0 to 1,
 * with the mean and deviation of its training pictures taken out.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function mnist(options: RecipeOptions = {}): Recipe {
  return small('recipes.mnist', 28, 'gray', MNIST_NORMALIZATION, MNIST_LABELS, options);
}

function small(
  op: string,
  side: number,
  color: Color,
  normalization: Normalization,
  labels: readonly string[],
  options: RecipeOptions,
): Recipe {
  const preprocess = { color, scale: 1 / 255, ...normalization, resize: side, crop: side };
  return usual(op, preprocess, 'NCHW', labels, options);
}

function usual(
  op: string,
  preprocess: Omit<Preprocess, 'layout'>,
  usualLayout: Layout,
  usualLabels: readonly string[] | undefined,
  options: RecipeOptions,
): Recipe {
  requireOptions(options, { layout: true, labels: true }, { op });
  const { layout = usualLayout, labels = usualLabels } = options;
  requireOneOf(layout, ['NCHW', 'NHWC', 'flat'], 'layout', { op });
  if (
    labels !== undefined &&
    !(Array.isArray(labels) && labels.every((l) => typeof l === 'string'))
  )
    throw expected('ERR_ARGUMENT', 'labels to be an array of names', labels, { op });
  return { preprocess: { layout, ...preprocess }, labels, source: op };
}

/**
 * Parameters from the authors' PyTorch state dicts: one table of names for each architecture, and
 * the conversion between their layouts and ours.
 *
 *   their convolution weight [O, I, kh, kw], or flat [O*I*kh*kw, 1]  ->  ours [O, kh, kw, I]
 *   their bias [1, C, 1, 1]  ->  ours [C]
 *
 * A leading 'module.' is dropped. A tensor that our network does not use is an error; readTensors
 * has already left out integers, such as PyTorch's counters. Not here: reading files
 * (src/formats/tensors.ts). No weights come with this project.
 */
import { requireObject } from '../core/checks.js';
import { BitplaneError } from '../core/errors.js';
import { elementCount, sameShape, showShape } from '../core/shape.js';
import { permuted, type TensorsLike } from '../formats/tensors.js';
import type { Parameter } from '../nn/scope.js';
import { requireModel, type State } from '../nn/state.js';
import { Tensor } from '../tensor/tensor.js';

/**
 * One line of a table. `ours` matches our names; `theirs` lists alternatives, each with slashes for
 * dots. An alternative of several names joins those tensors along our first axis.
 */
export interface NameRule {
  /** Names of parameters here. */
  readonly ours: RegExp;
  /** What the authors may call them. */
  readonly theirs: readonly (readonly string[])[];
}

/** The last word of a batch norm's parameters. */
const BATCH_NORM: Readonly<Record<string, string>> = {
  gamma: 'weight',
  beta: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
};

const one = (ours: RegExp, ...theirs: readonly string[]): NameRule => ({
  ours,
  theirs: theirs.map((name) => [name]),
});

/** torchvision's ResNet. Parameters that no rule matches have the same name there. */
export const RESNET_NAMES: readonly NameRule[] = [
  one(/shortcut\/conv\/(.*)/, 'downsample/0/$1'),
  one(/shortcut\/bn\/(.*)/, 'downsample/1/$1'),
];

/** liuzechun/Bi-Real-net, pytorch_implementation; with and without the weights stored flat. */
export const BI_REAL_NAMES: readonly NameRule[] = [
  one(/shortcut\/conv\/(.*)/, 'downsample/1/$1'),
  one(/shortcut\/bn\/(.*)/, 'downsample/2/$1'),
  one(/(^|\/)conv\/weight$/, '$1binary_conv/weights', '$1binary_conv/weight'),
  one(/(^|\/)bn\/(\w+)$/, '$1bn1/$2'),
];

/** liuzechun/ReActNet, resnet. */
export const REACT_BI_REAL_NAMES: readonly NameRule[] = [
  ...BI_REAL_NAMES,
  one(/rsign\/shift$/, 'move0/bias'),
  one(/rprelu\/before$/, 'move1/bias'),
  one(/rprelu\/slope$/, 'prelu/weight'),
  one(/rprelu\/after$/, 'move2/bias'),
];

const twoHalves = (ours: RegExp, whole: string, first: string, second: string): NameRule => ({
  ours,
  theirs: [[whole], [first, second]],
});

/** liuzechun/ReActNet, mobilenet. The two 1x1 convolutions of a widening block are one here. */
export const REACT_NET_A_NAMES: readonly NameRule[] = [
  one(/^(conv1|bn1)\/(.*)/, 'feature/0/$1/$2'),
  one(
    /^unit(\d+)\/conv3\/weight$/,
    'feature/$1/binary_3x3/weights',
    'feature/$1/binary_3x3/weight',
  ),
  twoHalves(
    /^unit(\d+)\/conv1\/weight$/,
    'feature/$1/binary_pw/weights',
    'feature/$1/binary_pw_down1/weights',
    'feature/$1/binary_pw_down2/weights',
  ),
  twoHalves(
    /^unit(\d+)\/bn2\/(\w+)$/,
    'feature/$1/bn2/$2',
    'feature/$1/bn2_1/$2',
    'feature/$1/bn2_2/$2',
  ),
  one(/^unit(\d+)\/rsign1\/shift$/, 'feature/$1/move11/bias'),
  one(/^unit(\d+)\/rsign2\/shift$/, 'feature/$1/move21/bias'),
  one(/^unit(\d+)\/rprelu(\d)\/before$/, 'feature/$1/move$22/bias'),
  one(/^unit(\d+)\/rprelu(\d)\/slope$/, 'feature/$1/prelu$2/weight'),
  one(/^unit(\d+)\/rprelu(\d)\/after$/, 'feature/$1/move$23/bias'),
  one(/^unit(\d+)\/(.*)/, 'feature/$1/$2'),
];

/**
 * Their names for one of ours: alternatives, each a list of tensors to join.
 * Arguments are not checked.
 */
export function namesIn(rules: readonly NameRule[], name: string): string[][] {
  const rule = rules.find(({ ours }) => ours.test(name));
  const dotted = (path: string) => {
    const words = path.split('/');
    const last = words.at(-1)!;
    return [...words.slice(0, -1), BATCH_NORM[last] ?? last].join('.');
  };
  if (rule === undefined) return [[dotted(name)]];
  return rule.theirs.map((parts) => parts.map((part) => dotted(name.replace(rule.ours, part))));
}

/**
 * The state of a model from the tensors of a state dict.
 * @throws BitplaneError ERR_ARGUMENT listing everything that is missing, misshapen or left over
 */
export function importState(
  model: { readonly parameters: readonly Parameter[] },
  tensors: TensorsLike,
  rules: readonly NameRule[],
): State {
  requireModel(model);
  requireObject(tensors, 'tensors by name', { op: 'state' });
  const given = new Map(
    Object.entries(tensors).map(([name, tensor]) => [
      name.replace(/^module\./, ''),
      Tensor.from(tensor),
    ]),
  );
  const unused = new Set(given.keys());
  const problems: string[] = [];
  const state: [string, Tensor<'f32'>][] = [];
  for (const { name, shape, role, init } of model.parameters) {
    const alternatives = namesIn(rules, name);
    const found = alternatives.find((parts) => parts.every((part) => given.has(part)));
    // Authors' real layers read floats: the range is our own, and begins as it does in training.
    if (found === undefined && role === 'range') {
      const data = new Float32Array(elementCount(shape));
      init(data, shape, () => 0);
      state.push([name, new Tensor('f32', data, shape)]);
      continue;
    }
    if (found === undefined) {
      problems.push(
        `missing ${alternatives.map((parts) => parts.join(' and ')).join(' or ')} for ${name}`,
      );
      continue;
    }
    for (const part of found) unused.delete(part);
    const partShape = [shape[0]! / found.length, ...shape.slice(1)];
    const parts = found.map(
      (part) =>
        inOurLayout(given.get(part)!, partShape) ?? `${part} ${showShape(given.get(part)!.shape)}`,
    );
    const misfit = parts.find((part) => typeof part === 'string');
    if (misfit !== undefined)
      problems.push(`${misfit} does not fit ${name} ${showShape(partShape)}`);
    else state.push([name, joined(parts as Tensor<'f32'>[], shape)]);
  }
  for (const name of unused) problems.push(`unknown ${name}`);
  if (problems.length > 0)
    throw new BitplaneError(
      'ERR_ARGUMENT',
      `the state dict does not fit the model: ${problems.join('; ')}`,
      { op: 'state' },
    );
  return Object.fromEntries(state);
}

/** undefined where the shapes cannot be the same tensor. */
function inOurLayout(tensor: Tensor<'f32'>, shape: readonly number[]): Tensor<'f32'> | undefined {
  if (tensor.size !== elementCount(shape)) return undefined;
  if (shape.length === 4) {
    const [o, kh, kw, i] = shape as [number, number, number, number];
    const theirs = [o, i, kh, kw];
    const flat = tensor.shape.length === 2 && tensor.shape[1] === 1;
    return flat || sameShape(tensor.shape, theirs)
      ? permuted(new Tensor('f32', tensor.data, theirs), [0, 2, 3, 1])
      : undefined;
  }
  const squeezed = (sizes: readonly number[]) => sizes.filter((size) => size !== 1);
  return sameShape(squeezed(tensor.shape), squeezed(shape))
    ? new Tensor('f32', tensor.data, shape)
    : undefined;
}

function joined(parts: readonly Tensor<'f32'>[], shape: readonly number[]): Tensor<'f32'> {
  if (parts.length === 1) return parts[0]!;
  const data = new Float32Array(elementCount(shape));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return new Tensor('f32', data, shape);
}

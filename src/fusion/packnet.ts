/**
 * PackNet: tasks one after another in one network. Every weight has an owner, a task from 1 on, or
 * none (0). A task trains what nobody owns, then gives up its smallest weights to those after it;
 * what it keeps is never changed again. Mallya and Lazebnik, "PackNet: Adding Multiple Tasks to a
 * Single Network by Iterative Pruning", CVPR 2018, arXiv 1711.05769, as released
 * (arunmallya/packnet). Not here: training, biases and batch norms, which stay as the first task
 * has them, and heads, which each task has for itself.
 */
import { requireOptions } from '../core/checks.js';
import { type ErrorSite, expected } from '../core/errors.js';
import { sameShape, showShape } from '../core/shape.js';
import { finiteFloats } from '../quant/formats/block-float.js';
import { halfEven } from '../quant/rounding.js';
import { isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';

/** Weights of a layer, and the owner of each. */
export interface OwnedWeights {
  /** The weights of all tasks. */
  readonly weights: Tensor<'f32'>;
  /** The task that each weight belongs to. */
  readonly owners: Tensor<'u8'>;
}

/** How many of a task's weights are given up. */
export interface PruneOptions {
  /** Whose weights are given up: 1 to 255. */
  readonly task: number;
  /** Share of the task's weights to give up, from 0 to 1; the paper takes 0.5 and 0.75. */
  readonly share: number;
}

/** Owners are bytes. */
const MOST_TASKS = 255;

/**
 * Gives up the smallest weights of a task in a layer: of its n weights, rank = round(share n), half
 * to even, and all whose magnitude is at most the rank-th smallest become 0 and nobody's. Equal
 * magnitudes at the cut all go, as released; for rank 0, where the release fails, nothing does.
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE where owners do not fit weights
 */
export function prune(
  weights: TensorLike<'f32'>,
  owners: TensorLike<'u8'>,
  options: PruneOptions,
): OwnedWeights {
  const site = { op: 'prune' };
  const [w, owned] = requireOwned(weights, owners, site);
  requireOptions(options, { task: true, share: true }, site);
  const { task, share } = options;
  requireTask(task, site);
  if (typeof share !== 'number' || !(share >= 0 && share <= 1))
    throw expected('ERR_ARGUMENT', 'a share from 0 to 1', share, site);
  const magnitudes = w.data.filter((_, i) => owned.data[i] === task).map(Math.abs);
  const rank = halfEven(share * magnitudes.length);
  if (rank === 0) return { weights: w, owners: owned };
  const cut = magnitudes.sort()[rank - 1] as number;
  const isPruned = (i: number) => owned.data[i] === task && Math.abs(w.data[i] as number) <= cut;
  return {
    weights: new Tensor(
      'f32',
      w.data.map((value, i) => (isPruned(i) ? 0 : value)),
      w.shape,
    ),
    owners: new Tensor(
      'u8',
      owned.data.map((owner, i) => (isPruned(i) ? 0 : owner)),
      w.shape,
    ),
  };
}

/**
 * Makes the weights that nobody owns a task's. @throws BitplaneError ERR_ARGUMENT, also where the
 * task owns some already
 */
export function claim(owners: TensorLike<'u8'>, task: number): Tensor<'u8'> {
  const site = { op: 'claim' };
  const owned = requireOwners(owners, site);
  requireTask(task, site);
  if (owned.data.some((owner) => owner >= task))
    throw expected('ERR_ARGUMENT', 'a task after those that own weights', task, site);
  return new Tensor(
    'u8',
    owned.data.map((owner) => (owner === 0 ? task : owner)),
    owned.shape,
  );
}

/**
 * A gradient that changes a task's own weights alone: 0 for all others. Weight decay and momentum
 * must be kept from them too, or an earlier task changes.
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE
 */
export function ownGradient(
  gradient: TensorLike<'f32'>,
  owners: TensorLike<'u8'>,
  task: number,
): Tensor<'f32'> {
  return keep('ownGradient', gradient, owners, task, (owner) => owner === task);
}

/**
 * The weights that a task computes with: its own and those of the tasks before it.
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE
 */
export function weightsOfTask(
  weights: TensorLike<'f32'>,
  owners: TensorLike<'u8'>,
  task: number,
): Tensor<'f32'> {
  return keep('weightsOfTask', weights, owners, task, (owner) => owner >= 1 && owner <= task);
}

function keep(
  op: string,
  values: TensorLike<'f32'>,
  owners: TensorLike<'u8'>,
  task: number,
  isKept: (owner: number) => boolean,
): Tensor<'f32'> {
  const [v, owned] = requireOwned(values, owners, { op });
  requireTask(task, { op });
  const kept = v.data.map((value, i) => (isKept(owned.data[i] as number) ? value : 0));
  return new Tensor('f32', kept, v.shape);
}

function requireOwned(
  values: TensorLike<'f32'>,
  owners: TensorLike<'u8'>,
  site: ErrorSite,
): readonly [Tensor<'f32'>, Tensor<'u8'>] {
  const v = finiteFloats(values, site);
  const owned = requireOwners(owners, site);
  if (!sameShape(v.shape, owned.shape))
    throw expected(
      'ERR_SHAPE',
      `owners of shape ${showShape(v.shape)}`,
      showShape(owned.shape),
      site,
    );
  return [v, owned];
}

function requireOwners(owners: TensorLike<'u8'>, site: ErrorSite): Tensor<'u8'> {
  if (!isTensorLike(owners) || owners.dtype !== 'u8')
    throw expected('ERR_ARGUMENT', 'owners as a Tensor of u8', owners, site);
  return Tensor.from(owners);
}

function requireTask(task: unknown, site: ErrorSite): void {
  if (!(Number.isInteger(task) && (task as number) >= 1 && (task as number) <= MOST_TASKS))
    throw expected('ERR_ARGUMENT', `a task from 1 to ${MOST_TASKS}`, task, site);
}

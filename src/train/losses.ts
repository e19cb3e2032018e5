/**
 * Losses as graph pieces: each gives one number, the mean over the batch. Not here: which recipe
 * takes which; gradients (src/autodiff).
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { sameShape, showShape } from '../core/shape.js';
import { requireValue, type Value } from '../graph/value.js';
import { type GraphBuilder, requireBuilder } from '../ops/builder.js';

type Float = Value<'f32'>;

/**
 * Cross-entropy of logits [N, C] with targets [N, C], the probability of each class: one-hot, or
 * mixed. `smoothing` s makes the targets t (1 - s) + s / C, as PyTorch does.
 * @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function crossEntropy(
  g: GraphBuilder,
  logits: Float,
  targets: Float,
  options: { readonly smoothing?: number } = {},
): Float {
  requireSame(g, 'crossEntropy', logits, targets);
  requireOptions(options, { smoothing: true }, { op: 'crossEntropy' });
  const { smoothing = 0 } = options;
  if (!(smoothing >= 0 && smoothing < 1))
    throw expected('ERR_ARGUMENT', 'smoothing from 0 to less than 1', smoothing, {
      op: 'crossEntropy',
    });
  const classes = logits.shape.at(-1) as number;
  const smooth =
    smoothing === 0 ? targets : g.add(g.mul(targets, 1 - smoothing), smoothing / classes);
  return negativeMean(g, smooth, g.logSoftmax(logits));
}

/**
 * ReActNet's distributional loss: the cross-entropy of logits with the probabilities that another
 * network gives, without the entropy of these, which no parameter changes. Liu et al., ECCV 2020,
 * as released.
 * @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function distributionalLoss(g: GraphBuilder, logits: Float, teacher: Float): Float {
  requireSame(g, 'distributionalLoss', logits, teacher);
  return negativeMean(g, g.softmax(g.surrogate(teacher)), g.logSoftmax(logits));
}

/**
 * T^2 KL(teacher || student) of softmax(logits / T). Hinton et al., 2015, arXiv 1503.02531. With
 * T = 1 it is the paper's form of ReActNet's loss.
 * @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function distillation(
  g: GraphBuilder,
  logits: Float,
  teacher: Float,
  options: { readonly temperature?: number } = {},
): Float {
  requireSame(g, 'distillation', logits, teacher);
  requireOptions(options, { temperature: true }, { op: 'distillation' });
  const { temperature = 1 } = options;
  if (!(temperature > 0 && temperature < Infinity))
    throw expected('ERR_ARGUMENT', 'a temperature above 0', temperature, { op: 'distillation' });
  const soft = g.div(g.surrogate(teacher), temperature);
  const distance = g.sub(g.logSoftmax(g.div(logits, temperature)), g.logSoftmax(soft));
  return g.mul(negativeMean(g, g.softmax(soft), distance), temperature * temperature);
}

/** Which maps of teacher and student are compared, and how strongly. */
export interface AttentionOptions {
  /**
   * `norm`: each map of energy is divided by its Euclidean norm and the distance is one too (the
   * paper). `max`: it is divided by its greatest element and the distance is the mean square
   * (larq-zoo). Default 'norm'.
   */
  readonly normalization?: 'norm' | 'max' | undefined;
}

/**
 * Attention matching of two feature maps [N, H, W, C], whose channels may differ: the distance
 * between their maps of energy over the pixels. A map of zeros has no direction, and counts as
 * zeros. Martinez et al., ICLR 2020, arXiv 2003.11535.
 * @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function attentionMatching(
  g: GraphBuilder,
  student: Float,
  teacher: Float,
  options: AttentionOptions = {},
): Float {
  const op = 'attentionMatching';
  requireParts(g, op, student, teacher);
  requireOptions(options, { normalization: true }, { op });
  const { normalization = 'norm' } = options;
  requireOneOf(normalization, ['norm', 'max'], 'normalization', { op });
  if (!sameShape(student.shape.slice(0, 3), teacher.shape.slice(0, 3)))
    throw expected(
      'ERR_SHAPE',
      `a map of the teacher of ${showShape(student.shape.slice(0, 3))}`,
      showShape(teacher.shape),
      { op },
    );
  const energy = (x: Float) => {
    const squares = g.mul(x, x);
    if (normalization === 'max') {
      const mean = g.reduce(squares, 'mean', [3]);
      const most = g.reduce(mean, 'max', [1, 2], { keepDims: true });
      return g.div(mean, g.max(most, LEAST));
    }
    const sum = g.reduce(squares, 'sum', [3]);
    const norm = g.sqrt(g.reduce(g.mul(sum, sum), 'sum', [1, 2], { keepDims: true }));
    return g.div(sum, g.max(norm, LEAST));
  };
  const distance = g.sub(energy(student), energy(g.surrogate(teacher)));
  const squares = g.mul(distance, distance);
  if (normalization === 'max') return g.reduce(squares, 'mean', [0, 1, 2]);
  // The root has no slope at 0; what is added there is far below a rounding elsewhere.
  const roots = g.sqrt(g.add(g.reduce(squares, 'sum', [1, 2]), LEAST));
  return g.reduce(roots, 'mean', [0]);
}

/** Keeps a division by nothing finite. */
const LEAST = 1e-12;

/**
 * The mean of (a - b)^2 over all elements.
 * @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function meanSquaredError(g: GraphBuilder, a: Float, b: Float): Float {
  requireSame(g, 'meanSquaredError', a, b);
  const distance = g.sub(a, b);
  return g.reduce(g.mul(distance, distance), 'mean', [...a.shape.keys()]);
}

/**
 * The mean of |a - b| over all elements.
 * @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function meanAbsoluteError(g: GraphBuilder, a: Float, b: Float): Float {
  requireSame(g, 'meanAbsoluteError', a, b);
  return g.reduce(g.abs(g.sub(a, b)), 'mean', [...a.shape.keys()]);
}

function requireParts(g: GraphBuilder, op: string, ...values: readonly Float[]): void {
  requireBuilder(g, op);
  for (const value of values) {
    requireValue(value, 'values to compare', { op });
    if (value.dtype !== 'f32') throw expected('ERR_DTYPE', 'values of f32', value.dtype, { op });
  }
}

/** -mean over rows of the sum of a * b over the last axis. */
function negativeMean(g: GraphBuilder, a: Float, b: Float): Float {
  const rows = g.reduce(g.mul(a, b), 'sum', [a.shape.length - 1]);
  return g.neg(g.reduce(rows, 'mean', [...rows.shape.keys()]));
}

function requireSame(g: GraphBuilder, op: string, a: Float, b: Float): void {
  requireParts(g, op, a, b);
  if (!sameShape(a.shape, b.shape))
    throw expected(
      'ERR_SHAPE',
      `two values of one shape, ${showShape(a.shape)}`,
      showShape(b.shape),
      {
        op,
      },
    );
}

/**
 * The losses of GDFQ: pictures whose maps have the statistics of batch norms, and a network in few
 * bits that answers as the float one and as the class says. Xu et al., ECCV 2020, arXiv 2003.03603.
 * Not here: who is trained by which (./steps.ts).
 */
import type { Value } from '../../graph/value.js';
import type { GraphBuilder } from '../../ops/builder.js';
import { Tensor } from '../../tensor/tensor.js';
import { crossEntropy, distillation, meanSquaredError } from '../../train/losses.js';
import type { Norm } from '../norms.js';

type Float = Value<'f32'>;

/**
 * The mean over norms of (mean over channels of (mean - mu)^2 + (var - sigma^2)^2), statistics over
 * the batch and all pixels, the variance biased; as released.
 * @param maps what each norm normalizes, [..., C]
 * @throws BitplaneError ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function batchNormLoss(
  g: GraphBuilder,
  norms: readonly Pick<Norm, 'mean' | 'variance'>[],
  maps: readonly Float[],
): Float {
  const terms = norms.map(({ mean, variance }, i) => {
    const channels = mean.length;
    const both = g.moments(maps[i] as Float);
    const wanted = new Float32Array(2 * channels);
    wanted.set(mean);
    wanted.set(variance, channels);
    // The mean over both rows is half the sum of the two means.
    const error = meanSquaredError(g, both, g.constant(new Tensor('f32', wanted, [2, channels])));
    return g.mul(error, 2);
  });
  return g.mul(
    terms.reduce((a, b) => g.add(a, b)),
    1 / terms.length,
  );
}

const TEMPERATURE = 20;

/**
 * Cross-entropy with the classes, and T^2 KL(teacher || student) of softmax(logits / T), T = 20.
 * 'paper': the divergence is a sum over classes. 'release': a mean, as torch's KLDivLoss has it.
 * @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function studentLoss(
  g: GraphBuilder,
  logits: Float,
  teacher: Float,
  targets: Float,
  as: 'paper' | 'release' = 'paper',
): Float {
  const taught = distillation(g, logits, teacher, { temperature: TEMPERATURE });
  const classes = logits.shape.at(-1) as number;
  const share = as === 'paper' ? taught : g.mul(taught, 1 / classes);
  return g.add(crossEntropy(g, logits, targets), share);
}

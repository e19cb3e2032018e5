/** Noise beside classes, as a generator takes them. */
import { fillNormal } from '../../nn/random.js';
import { Tensor } from '../../tensor/tensor.js';

export interface ConditionedNoise {
  /** [N, latent + classes], normal numbers and a one-hot class. */
  readonly noise: Tensor<'f32'>;
  /** [N, classes], the one-hot classes alone. */
  readonly targets: Tensor<'f32'>;
  readonly labels: Int32Array;
}

/** Classes by chance, or by turns. */
export function conditionedNoise(
  count: number,
  latent: number,
  classes: number,
  random: () => number,
  byTurns = false,
): ConditionedNoise {
  const z = new Float32Array(count * latent);
  fillNormal(z, 1, random);
  const labels = Int32Array.from({ length: count }, (_, i) =>
    byTurns ? i % classes : Math.floor(random() * classes),
  );
  const width = latent + classes;
  const noise = new Float32Array(count * width);
  const targets = new Float32Array(count * classes);
  for (const [i, label] of labels.entries()) {
    noise.set(z.subarray(i * latent, (i + 1) * latent), i * width);
    noise[i * width + latent + label] = 1;
    targets[i * classes + label] = 1;
  }
  return {
    noise: new Tensor('f32', noise, [count, width]),
    targets: new Tensor('f32', targets, [count, classes]),
    labels,
  };
}

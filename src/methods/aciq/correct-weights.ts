/**
 * Weight bias correction: quantized weights of an output channel get back the mean, and on request
 * the standard deviation, of the float ones: W' = (Wq - mean Wq) r + mean W, r = std W / std Wq.
 * Banner et al., NeurIPS 2019, arXiv 1810.05723, section 5, with both; the release corrects the
 * mean unless told otherwise. Not here: quantizing (./weights.ts).
 */

export interface WeightCorrection {
  /** What the quantized weights of a channel are multiplied by. */
  readonly factor: Float64Array;
  /** What is added afterwards. */
  readonly shift: Float64Array;
}

/**
 * What gives quantized weights the mean, or the mean and the spread, of the real ones, by output
 * channel.
 * @param w and `quantized` are [O, ...] Arguments are not checked.
 */
export function weightCorrection(
  w: ArrayLike<number>,
  quantized: ArrayLike<number>,
  channels: number,
  { variance = false }: { readonly variance?: boolean } = {},
): WeightCorrection {
  const factor = new Float64Array(channels).fill(1);
  const shift = new Float64Array(channels);
  const each = w.length / channels;
  for (let o = 0; o < channels; o++) {
    const [float, coded] = [moments(w, o, each), moments(quantized, o, each)];
    if (variance) factor[o] = float.std / (coded.std + 1e-8);
    // A channel of one code has no spread to restore.
    if (coded.std === 0) factor[o] = 1;
    shift[o] = float.mean - coded.mean * factor[o]!;
  }
  return { factor, shift };
}

function moments(x: ArrayLike<number>, o: number, each: number) {
  let sum = 0;
  for (let i = o * each; i < (o + 1) * each; i++) sum += x[i]!;
  const mean = sum / each;
  let squares = 0;
  for (let i = o * each; i < (o + 1) * each; i++) squares += (x[i]! - mean) ** 2;
  return { mean, std: Math.sqrt(squares / Math.max(1, each - 1)) };
}

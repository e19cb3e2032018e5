/**
 * How much a layer's width matters: the divergence between what a network answers and what it
 * answers with that layer's weights quantized, the mean of KL(p || q) over pictures. Cai et al.,
 * "ZeroQ", CVPR 2020, arXiv 2001.00281, equation 3. One program serves all layers and widths:
 * weights are its states. Not here: choosing widths (./allocate-bits.ts).
 */
import { type OptionNames, requireOptions, requireSignal } from '../../core/checks.js';
import { BitplaneError, expected } from '../../core/errors.js';
import { type Graph, graphOf, outputsOf, topological, type Value } from '../../graph/value.js';
import { isOp } from '../../ops/index.js';
import { make, state } from '../../ops/make.js';
import { hasFloatWeights } from '../../passes/absorb-affines.js';
import { absorbBatchNorms } from '../../passes/index.js';
import { rewrite } from '../../passes/rewrite.js';
import { type QuantSpec, quantSpec } from '../../quant/spec.js';
import { quantizeWeights, type WeightRange } from '../../quant/weights.js';
import { GraphSession } from '../../runtime/session.js';
import type { SessionOptions } from '../../runtime/session-types.js';
import { StateStore } from '../../runtime/state-store.js';
import { isTensorLike, Tensor, type TensorLike } from '../../tensor/tensor.js';
import type { LayerErrors } from './allocate-bits.js';

/** How the sensitivity of layers is measured. */
export interface SensitivityOptions {
  /** Bits that are tried. Default 2, 4, 8. */
  readonly widths?: readonly number[] | undefined;
  /** The spec of a width. Default: asymmetric, a scale an output channel. */
  spec?(bits: number): QuantSpec;
  /** How ranges of weights are chosen. Default 'minmax'. */
  readonly weightRange?: WeightRange | undefined;
  /** Of the sessions that run the network. */
  readonly session?: Pick<SessionOptions, 'threads' | 'isa' | 'maxBytes'> | undefined;
  /** Stops it: the promise is rejected with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each layer, counted from 1. */
  onLayer?(done: number, layers: number): void;
}

const OPTIONS: OptionNames<SensitivityOptions> = {
  widths: true,
  spec: true,
  weightRange: true,
  session: true,
  signal: true,
  onLayer: true,
};
const SITE = { op: 'sensitivity' };
/** Bits that are tried where none are given. */
export const WIDTHS = [2, 4, 8];

/** The paper's weights: asymmetric, a scale an output channel. */
export function channelSpec(bits: number): QuantSpec {
  return quantSpec({ bits, scheme: 'asymmetric', granularity: 'channel' });
}

/**
 * The layers of a classifier with float weights, in the order in which they run.
 * @param pictures as its one input takes them
 * @throws BitplaneError ERR_ARGUMENT for options and other networks; ERR_UNSUPPORTED where answers
 * are not finite; ERR_ABORTED
 */
export async function sensitivity(
  graph: Graph,
  pictures: TensorLike<'f32'>,
  options: SensitivityOptions = {},
): Promise<readonly LayerErrors[]> {
  requireOptions(options, OPTIONS, SITE);
  const { widths = WIDTHS, spec = channelSpec, weightRange = 'minmax', signal } = options;
  requireWidths(widths, SITE.op);
  requireSignal(signal, SITE);
  if (!isTensorLike(pictures))
    throw expected('ERR_ARGUMENT', 'pictures as a tensor', pictures, SITE);
  const [input] = graph.inputs;
  const outputs = outputsOf(graph);
  if (input === undefined || graph.inputs.length !== 1 || outputs.length !== 1)
    throw expected('ERR_ARGUMENT', 'a network of one input and one output', outputs.length, SITE);
  const { trained, weights } = withStates(absorbBatchNorms(graph));
  const states = new StateStore(trained);
  const session = GraphSession.fromGraph(trained, { ...options.session, states });
  const answers = async () => {
    if (signal?.aborted) throw new BitplaneError('ERR_ABORTED', 'it was aborted', SITE);
    const { logits } = (await session.run({ [input.name]: pictures } as never)) as unknown as {
      readonly logits: Tensor<'f32'>;
    };
    return logProbabilities(logits);
  };
  try {
    const float = await answers();
    const found: LayerErrors[] = [];
    for (const [name, w] of weights) {
      const errors = new Map<number, number>();
      for (const bits of widths) {
        const { values } = quantizeWeights(w, spec(bits), weightRange);
        states.set(`${name}.state`, new Tensor('f32', values, w.shape));
        const error = divergence(float, await answers());
        if (!Number.isFinite(error))
          throw expected('ERR_UNSUPPORTED', `finite answers at ${bits} bits`, error, {
            ...SITE,
            node: name,
          });
        errors.set(bits, error);
      }
      states.set(`${name}.state`, w);
      found.push({ name, size: w.size, errors });
      options.onLayer?.(found.length, weights.size);
    }
    return found;
  } finally {
    await session.release();
    states.release();
  }
}

/** @throws BitplaneError ERR_ARGUMENT for widths that are no bits, or said twice */
export function requireWidths(widths: readonly number[], op: string): void {
  if (!Array.isArray(widths) || widths.length === 0 || new Set(widths).size !== widths.length)
    throw expected('ERR_ARGUMENT', 'widths as different numbers of bits', widths, { op });
  for (const bits of widths)
    if (!Number.isInteger(bits) || bits < 2 || bits > 8)
      throw expected('ERR_ARGUMENT', 'widths from 2 to 8', bits, { op });
}

/** The network up to its logits, each layer's weights a state, `NAME.state`. */
function withStates(prepared: Graph) {
  const [[, output]] = outputsOf(prepared) as [[string, Value]];
  const logits = isOp(output, 'softmax') ? output.inputs[0] : output;
  const graph = graphOf(prepared.inputs, [['logits', logits as Value]]);
  const weights = new Map<string, Tensor<'f32'>>();
  for (const value of topological(graph).filter(hasFloatWeights))
    weights.set(value.name, (value.inputs[1] as Value).data as Tensor<'f32'>);
  const made = new Map([...weights].map(([name, w]) => [name, state(`${name}.state`, w)] as const));
  const trained = rewrite(graph, (value, { original }) => {
    const own = hasFloatWeights(original) ? made.get(original.name) : undefined;
    if (own === undefined) return undefined;
    return make(value.op, value.name, [value.inputs[0] as Value, own], value.attrs);
  });
  return { trained, weights };
}

/** log softmax over the last axis, in double. */
function logProbabilities({ data, shape }: Tensor<'f32'>): readonly Float64Array[] {
  const classes = shape.at(-1) as number;
  return Array.from({ length: data.length / classes }, (_, row) => {
    const logits = Float64Array.from(data.subarray(row * classes, (row + 1) * classes));
    const most = logits.reduce((a, b) => Math.max(a, b));
    const sum = logits.reduce((total, x) => total + Math.exp(x - most), 0);
    return logits.map((x) => x - most - Math.log(sum));
  });
}

/** The mean of KL(p || q) over rows. */
function divergence(p: readonly Float64Array[], q: readonly Float64Array[]): number {
  let total = 0;
  for (const [row, own] of p.entries())
    for (const [c, log] of own.entries()) total += Math.exp(log) * (log - q[row]![c]!);
  return total / p.length;
}

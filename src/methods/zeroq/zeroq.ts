/**
 * ZeroQ, from a float network to few bits without data: pictures distilled from its batch norms
 * tell the ranges of activations, and the widths of layers where a size is given. Nothing is
 * trained. Cai et al., "ZeroQ: A Novel Zero Shot Quantization Framework", CVPR 2020, arXiv
 * 2001.00281. Not here: the pieces, a file each.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Graph, Value } from '../../graph/value.js';
import { calibrate } from '../../quant/network/calibrate.js';
import {
  type LayerChoice,
  type QuantChoice,
  type QuantizeOptions,
  settingsOf,
} from '../../quant/network/options.js';
import { planOf } from '../../quant/network/plan.js';
import { type Quantized, quantizePrepared } from '../../quant/network/quantize-prepared.js';
import { parseQuantSpec } from '../../quant/parse-spec.js';
import { type QuantSpec, quantSpec } from '../../quant/spec.js';
import { asymmetricWeights } from '../asymmetric-weights.js';
import { foldBatchNorms } from '../folded.js';
import { observed } from '../norms.js';
import { allocateLayerBits, type LayerBits, type LayerErrors } from './allocate-bits.js';
import { checkDistill, type Distilled, type DistillOptions, distillFrom } from './distill.js';
import { channelSpec, requireWidths, sensitivity, WIDTHS } from './sensitivity.js';

/** The size of all weights together: bits of a weight in the mean, or bytes. */
export type MixedSize = { readonly bits: number } | { readonly bytes: number };

/** How ZeroQ distils pictures and quantizes the network. */
export interface ZeroqOptions
  extends Pick<
      QuantizeOptions,
      'weights' | 'activations' | 'ends' | 'shortcuts' | 'layers' | 'weightRange' | 'session'
    >,
    Omit<DistillOptions, 'session' | 'onStep'> {
  /**
   * Widths by layer, chosen by how sensitive each is, at this size of all weights, those of the
   * first and the last layer among them. `weights` then says the form of codes only.
   */
  readonly mixed?: MixedSize | undefined;
  /** The widths that `mixed` chooses from. Default 2, 4, 8. */
  readonly widths?: readonly number[] | undefined;
  /**
   * 'paper': statistics over the batch. 'release': of each picture, and no `mixed`, which is not
   * in it. Default 'paper'.
   */
  readonly as?: 'paper' | 'release' | undefined;
  /** Called after each step of distilling and each layer of the sensitivities, counted from 1. */
  onProgress?(part: 'distill' | 'sensitivity', done: number, of: number): void;
}

const OPTIONS: OptionNames<ZeroqOptions> = {
  weights: true,
  activations: true,
  ends: true,
  shortcuts: true,
  layers: true,
  weightRange: true,
  session: true,
  count: true,
  steps: true,
  rate: true,
  statistics: true,
  seed: true,
  start: true,
  signal: true,
  mixed: true,
  widths: true,
  as: true,
  onProgress: true,
};
const SITE = { op: 'zeroq' };

/** A network by ZeroQ, its pictures, and its widths. */
export interface ZeroqResult extends Quantized {
  /** The pictures that calibrated it. */
  readonly distilled: Distilled;
  /** With `mixed`: the errors of each layer and width, and the widths that they ask for. */
  readonly sensitivities: readonly LayerErrors[] | undefined;
  /** The widths that were chosen; undefined where they were given. */
  readonly allocation: LayerBits | undefined;
}

/**
 * Weights of n bits are asymmetric, with a scale an output channel and their whole range, as the
 * paper has them; a spec in place of n says otherwise, but for the scales. First and last layer
 * have 8 bits unless `ends` says otherwise; in the paper they are as all others.
 * @throws BitplaneError ERR_ARGUMENT for options; ERR_UNSUPPORTED for a network without batch norms
 */
export async function zeroq(graph: Graph, options: ZeroqOptions): Promise<ZeroqResult> {
  requireOptions(options, OPTIONS, SITE);
  const { count, steps, rate, seed, start, signal, mixed, widths, as = 'paper', ...rest } = options;
  requireOneOf(as, ['paper', 'release'], 'as', SITE);
  const { statistics = as === 'paper' ? 'batch' : 'sample', onProgress, ...choices } = rest;
  const distilling: DistillOptions = {
    statistics,
    ...(count !== undefined && { count }),
    ...(steps !== undefined && { steps }),
    ...(rate !== undefined && { rate }),
    ...(seed !== undefined && { seed }),
    ...(start !== undefined && { start }),
    ...(signal !== undefined && { signal }),
  };
  checkDistill(distilling);
  if (mixed === undefined && widths !== undefined)
    throw expected('ERR_ARGUMENT', 'mixed, which chooses from widths,', 'none', SITE);
  const quantize = withForms(choices);
  const settings = settingsOf(quantize);
  const specOf = mixed === undefined ? undefined : mixedForm(options, as, widths);
  const network = observed(graph, SITE);
  const { graph: folded } = foldBatchNorms(graph);
  const plan = planOf(folded, settings);
  const most = mixed === undefined ? undefined : bitsOf(mixed, plan.layers, widths);

  const { session } = choices;
  const runs = session === undefined ? {} : { session };
  const distilled = await distillFrom(network, {
    ...distilling,
    ...runs,
    onStep: (step) => onProgress?.('distill', step, steps ?? 500),
  });
  const { pictures } = distilled;
  const sensitivities =
    specOf &&
    (await sensitivity(folded, pictures, {
      ...runs,
      ...(signal !== undefined && { signal }),
      ...(widths !== undefined && { widths }),
      spec: specOf,
      weightRange: choices.weightRange ?? 'minmax',
      onLayer: (done, of) => onProgress?.('sensitivity', done, of),
    }));
  const allocation = sensitivities && allocateLayerBits(sensitivities, most as number);
  const chosen =
    allocation === undefined || specOf === undefined
      ? settings
      : settingsOf({ ...quantize, layers: withWidths(quantize.layers, allocation, specOf) });
  const feeds = [{ [network.input.name]: pictures }] as never;
  const quantized = await quantizePrepared(folded, chosen, {
    seen: async (maps) =>
      maps.length === 0 ? new Map() : await calibrate(folded, maps, feeds, session),
    weights: (layer) => asymmetricWeights(layer, quantize.weightRange ?? 'minmax'),
  });
  return { ...quantized, distilled, sensitivities, allocation };
}

/** Numbers of bits as the paper's specs; ranges from the least to the greatest weight. */
function withForms(options: QuantizeOptions): QuantizeOptions {
  const form = (choice: QuantChoice): QuantChoice =>
    Number.isInteger(choice) && (choice as number) >= 2 && (choice as number) <= 8
      ? channelSpec(choice as number)
      : choice;
  const { layers = {} } = options;
  const rules = Object.entries(layers).map(([pattern, choice]) => {
    const own = (choice as LayerChoice | undefined)?.weights;
    return [
      pattern,
      own === undefined ? choice : { ...(choice as object), weights: form(own) },
    ] as const;
  });
  return {
    ...options,
    weightRange: options.weightRange ?? 'minmax',
    perChannel: options.perChannel ?? true,
    weights: form(options.weights),
    layers: Object.fromEntries(rules),
  };
}

/** The spec of a width, where widths are chosen. */
function mixedForm(
  { weights, layers = {} }: ZeroqOptions,
  as: 'paper' | 'release',
  widths: readonly number[] | undefined,
): (bits: number) => QuantSpec {
  if (as === 'release')
    throw expected('ERR_ARGUMENT', "as: 'paper' for mixed, which the release lacks,", as, SITE);
  if (widths !== undefined) requireWidths(widths, SITE.op);
  if (weights === 'float')
    throw expected('ERR_ARGUMENT', 'weights in bits for mixed', weights, SITE);
  for (const [pattern, choice] of Object.entries(layers))
    if (choice === 'float' || choice.weights !== undefined)
      throw expected('ERR_ARGUMENT', 'no weights of a layer beside mixed', pattern, {
        ...SITE,
        node: pattern,
      });
  if (typeof weights === 'number') return channelSpec;
  const given = parseQuantSpec(weights);
  if (given.scheme !== 'symmetric' && given.scheme !== 'asymmetric')
    throw expected('ERR_ARGUMENT', 'weights that are symmetric or asymmetric for mixed', weights, {
      ...SITE,
    });
  return (bits) => quantSpec({ ...given, bits });
}

/** The size in bits. @throws BitplaneError ERR_ARGUMENT where not even the least width fits */
function bitsOf(
  mixed: MixedSize,
  layers: readonly { readonly product: Value }[],
  widths: readonly number[] = WIDTHS,
): number {
  const { bits, bytes } = (mixed ?? {}) as { bits?: unknown; bytes?: unknown };
  const isOne = (bits === undefined) !== (bytes === undefined);
  const value = bits ?? bytes;
  if (!isOne || !(typeof value === 'number' && value > 0 && value < Infinity))
    throw expected('ERR_ARGUMENT', 'mixed as { bits } or { bytes } above 0', mixed, SITE);
  const weights = layers.reduce(
    (sum, { product }) => sum + (product.inputs[1] as Value).data!.size,
    0,
  );
  const least = widths.reduce((a, b) => Math.min(a, b));
  if (bits === undefined ? value * 8 < least * weights : value < least)
    throw expected(
      'ERR_ARGUMENT',
      `mixed to be at least ${least} bits a weight, the least width, or ` +
        `${Math.ceil((least * weights) / 8)} bytes`,
      bits === undefined ? `${value} bytes` : `${value} bits`,
      SITE,
    );
  return bits === undefined ? value * 8 : value * weights;
}

/** The chosen weights of each layer, before the rules of the caller, which say activations. */
function withWidths(
  layers: QuantizeOptions['layers'],
  { bits }: LayerBits,
  specOf: (bits: number) => QuantSpec,
): NonNullable<QuantizeOptions['layers']> {
  const chosen = Array.from(bits, ([name, width]) => [name, { weights: specOf(width) }] as const);
  const own = Object.entries(layers ?? {}).map(([pattern, choice]) => {
    const same = bits.get(pattern);
    const weights = same === undefined ? {} : { weights: specOf(same) };
    return [pattern, { ...weights, ...(choice as LayerChoice) }] as const;
  });
  return Object.fromEntries([...chosen, ...own]);
}

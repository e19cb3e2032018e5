/**
 * What ZAQ is asked for: its options, their defaults and checks. Not here: what is done with them
 * (./zaq.ts).
 */
import {
  type Complete,
  type OptionNames,
  requireOneOf,
  requireOptions,
} from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { QuantizeOptions } from '../../quant/network/options.js';
import { checkEpochs, EPOCH_OPTIONS, type EpochOptions } from '../epochs.js';

/** How ZAQ trains its generator and the network in few bits. */
export interface ZaqOptions
  extends EpochOptions,
    Pick<QuantizeOptions, 'ends' | 'shortcuts' | 'session'> {
  /** Bits of weights, 2 to 8. */
  readonly weights: number;
  /** A scale an output channel in place of one a tensor. Default false. */
  readonly perChannel?: boolean | undefined;
  /** Bits of activations, 2 to 8. */
  readonly activations: number;
  /** Numbers of the noise. Default 256. */
  readonly latent?: number | undefined;
  /** Channels of the generator's maps. Default 128, 128, 64. */
  readonly widths?: readonly [number, number, number] | undefined;
  /** Steps of the network to one of the generator. Default 5. */
  readonly transfers?: number | undefined;
  /**
   * 'paper': relations of channels over the batch, layers weighed by how far they are off, weights
   * without a zero point, alpha 0.1, beta 0.05. 'release': attentions of each picture, layers
   * alike, weights with one, alpha 1, beta 0.1. Default 'paper'.
   */
  readonly as?: 'paper' | 'release' | undefined;
  /** Of the distance of maps beside that of answers. */
  readonly alpha?: number | undefined;
  /** How much the generator gains by large last maps. */
  readonly beta?: number | undefined;
  /**
   * What batch norms of the network in few bits normalize by while it trains: 'batch', the pictures
   * that are made, whose statistics it ends with; 'kept': the statistics of the float network,
   * which stay. The former needs a schedule long enough for pictures whose statistics serve real
   * ones. Default 'batch', as released.
   */
  readonly norms?: 'batch' | 'kept' | undefined;
  /** Of the network's weights at first. Default 0.1, as released; a short schedule needs less. */
  readonly rate?: number | undefined;
  /** What the weights of layers keep of themselves after each epoch. Default 0.9. */
  readonly kept?: number | undefined;
  /** The maps that are compared. Default: the last one of each size. */
  readonly taps?: readonly string[] | undefined;
}

const OPTIONS: OptionNames<ZaqOptions> = {
  ...EPOCH_OPTIONS,
  weights: true,
  perChannel: true,
  activations: true,
  ends: true,
  shortcuts: true,
  session: true,
  latent: true,
  widths: true,
  transfers: true,
  as: true,
  alpha: true,
  beta: true,
  kept: true,
  norms: true,
  rate: true,
  taps: true,
};
export const SITE = { op: 'zaq' };

/** Epochs unless options say otherwise. */
export const ZAQ_EPOCHS = 300;
export const RELEASED = { steps: 60, batchSize: 256, latent: 256, transfers: 5 };

/** The options, with the defaults that their way has. */
export type ZaqSettings = ZaqOptions &
  Complete<
    Pick<
      ZaqOptions,
      'as' | 'transfers' | 'alpha' | 'beta' | 'kept' | 'perChannel' | 'norms' | 'rate'
    >
  >;

/** @throws BitplaneError ERR_ARGUMENT */
export function zaqSettings(options: ZaqOptions): ZaqSettings {
  requireOptions(options, OPTIONS, SITE);
  checkEpochs(options, 1, SITE.op);
  const { weights, activations, ends = 8, as = 'paper', transfers = RELEASED.transfers } = options;
  for (const [name, bits] of Object.entries({ weights, activations, ends }))
    if (!(name === 'ends' && bits === 'same') && !isWidth(bits))
      throw expected('ERR_ARGUMENT', `${name} as a number of bits from 2 to 8`, bits, SITE);
  requireOneOf(as, ['paper', 'release'], 'as', SITE);
  const { perChannel = false, norms = 'batch', rate = 0.1 } = options;
  requireOneOf(perChannel, [true, false], 'perChannel', SITE);
  requireOneOf(norms, ['batch', 'kept'], 'norms', SITE);
  if (!(typeof rate === 'number' && rate > 0 && rate < Infinity))
    throw expected('ERR_ARGUMENT', 'rate to be a number above 0', rate, SITE);
  if (!Number.isInteger(transfers) || transfers < 1)
    throw expected('ERR_ARGUMENT', 'transfers to be 1 or more', transfers, SITE);
  const [alpha, beta] = as === 'paper' ? [0.1, 0.05] : [1, 0.1];
  const numbers = { alpha, beta, kept: 0.9, ...given(options) };
  for (const [name, value] of Object.entries(numbers))
    if (!(typeof value === 'number' && value >= 0 && value < Infinity))
      throw expected('ERR_ARGUMENT', `${name} to be a number of at least 0`, value, SITE);
  if (numbers.kept > 1) throw expected('ERR_ARGUMENT', 'kept of at most 1', numbers.kept, SITE);
  return { ...options, ...numbers, as, transfers, perChannel, norms, rate };
}

function isWidth(bits: unknown): boolean {
  return Number.isInteger(bits) && (bits as number) >= 2 && (bits as number) <= 8;
}

function given({ alpha, beta, kept }: ZaqOptions) {
  return {
    ...(alpha !== undefined && { alpha }),
    ...(beta !== undefined && { beta }),
    ...(kept !== undefined && { kept }),
  };
}

/**
 * How the texts of `quantize`'s options become values. Whether a spec makes sense is checked where
 * it is used (src/quant), which this file does not load: every command starts with it. A text that
 * is no value is a usage error (exit code 2).
 */
import { InvalidArgumentError } from 'commander';
import type { Clipping } from '../methods/aciq/clip-range.js';
import type { MixedSize } from '../methods/zeroq/zeroq.js';
import type { LayerChoice, QuantChoice } from '../quant/network/options.js';
import type { ObserverName } from '../quant/observers/range-of.js';

/** The choices of --observer: a forgotten one does not compile. */
const NAMES: Readonly<Record<ObserverName, true>> = {
  minmax: true,
  percentile: true,
  mse: true,
  entropy: true,
};
export const OBSERVERS = Object.keys(NAMES);

/** The methods of --method, with their papers. */
const METHOD_NAMES = {
  dfq: 'DFQ (Nagel et al., ICCV 2019)',
  aciq: 'ACIQ (Banner et al., NeurIPS 2019)',
  zeroq: 'ZeroQ (Cai et al., CVPR 2020)',
  gdfq: 'GDFQ (Xu et al., ECCV 2020)',
  zaq: 'ZAQ (Liu et al., CVPR 2021)',
} as const;
export type MethodName = keyof typeof METHOD_NAMES;
export const METHODS = Object.keys(METHOD_NAMES);

/** Methods that train, for hours unless --epochs says otherwise. */
export const TRAINED: readonly MethodName[] = ['gdfq', 'zaq'];

export function methodName(method: MethodName): string {
  return METHOD_NAMES[method];
}

/** The choices of --clipping: a forgotten one does not compile. */
const CLIPPING_NAMES: Readonly<Record<Clipping | 'search', true>> = {
  laplace: true,
  gauss: true,
  mix: true,
  search: true,
};
export const CLIPPINGS = Object.keys(CLIPPING_NAMES);

/** The choices of --correct: a forgotten one does not compile. */
export type Correction = 'analytic' | 'empirical' | 'none';
const CORRECTION_NAMES: Readonly<Record<Correction, true>> = {
  analytic: true,
  empirical: true,
  none: true,
};
export const CORRECTIONS = Object.keys(CORRECTION_NAMES);

/** A number of bits, or the text of a spec, which is checked where it is used. */
export function parseChoice(text: string): QuantChoice {
  return /^[\d.+-]+$/.test(text) ? Number(text) : (text as QuantChoice);
}

export function parseEnds(text: string): number | 'same' {
  if (text === 'same') return 'same';
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected a number of bits, or 'same'.");
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  kib: 2 ** 10,
  mb: 1e6,
  mib: 2 ** 20,
};

/** 4 is bits of a weight in the mean, 130KB bytes of all weights. */
export function parseSize(text: string): MixedSize {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(|b|kb|kib|mb|mib)$/i.exec(text) ?? [];
  const value = Number(number);
  if (!(value > 0))
    throw new InvalidArgumentError('Expected bits of a weight such as 4, or bytes such as 130KB.');
  return unit === '' ? { bits: value } : { bytes: value * UNITS[unit.toLowerCase()]! };
}

export function parsePercent(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value <= 100))
    throw new InvalidArgumentError('Expected a number above 0 and at most 100.');
  return value;
}

/** NAME=W4A8, gathered. A name may contain =, so the last one counts. */
export function gatherLayers(
  text: string,
  before: Readonly<Record<string, LayerChoice | 'float'>> | undefined,
): Record<string, LayerChoice | 'float'> {
  const at = text.lastIndexOf('=');
  const [, w, a] = /^(?:w(\d+))?(?:a(\d+))?$/i.exec(text.slice(at + 1)) ?? [];
  const isFloat = text.slice(at + 1) === 'float';
  if (at < 1 || (!isFloat && w === undefined && a === undefined))
    throw new InvalidArgumentError('Expected NAME=W4A8, NAME=W4, NAME=A8 or NAME=float.');
  const choice = isFloat
    ? 'float'
    : {
        ...(w !== undefined && { weights: Number(w) }),
        ...(a !== undefined && { activations: Number(a) }),
      };
  return { ...before, [text.slice(0, at)]: choice };
}

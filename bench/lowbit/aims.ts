/**
 * The pairs of bits that are measured, and what a convolution of each must reach against
 * onnxruntime's int8 where AVX-512 runs. Not here: measuring.
 */
import type { Pair } from './layers.js';

export interface Aim extends Pair {
  /** As geometric mean over ResNet-18's shapes. */
  readonly mean: number;
  /** On every one of them. */
  readonly each?: number;
}

export const AIMS: readonly Aim[] = [
  { weights: 2, activations: 2, mean: 1.3 },
  { weights: 1, activations: 2, mean: 2.2 },
  { weights: 2, activations: 1, mean: 2.2 },
  { weights: 4, activations: 4, mean: 1, each: 0.93 },
  { weights: 4, activations: 8, mean: 1, each: 0.93 },
  { weights: 8, activations: 8, mean: 1, each: 0.93 },
];

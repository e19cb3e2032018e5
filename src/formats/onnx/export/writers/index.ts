/**
 * What writes each op. Not here: the ops' writers; chains that are one node (./quantize.ts).
 */
import { castWriters } from './cast.js';
import { elementwiseWriters } from './elementwise.js';
import { moveWriters } from './moves.js';
import { placeWriters } from './places.js';
import { productWriters } from './products.js';
import { windowWriters } from './windows.js';
import type { Writer } from './writer.js';

export const WRITERS: ReadonlyMap<string, Writer> = new Map<string, Writer>([
  ...Object.entries(elementwiseWriters),
  ...Object.entries(castWriters),
  ...Object.entries(windowWriters),
  ...Object.entries(productWriters),
  ...Object.entries(moveWriters),
  ...Object.entries(placeWriters),
]);

const OF_TRAINING = 'it is part of training, which ONNX files have none of';

/** Why the other ops have no form. A transposition is an order of axes (../order.ts). */
export const UNWRITTEN: ReadonlyMap<string, string> = new Map([
  ['approxSign', OF_TRAINING],
  ['avgPool2dGradient', OF_TRAINING],
  ['conv2dWeightGradient', OF_TRAINING],
  ['maxPool2dGradient', OF_TRAINING],
  ['moments', 'statistics of a batch are part of training; give the layer its own'],
  ['normalize', 'statistics of a batch are part of training; give the layer its own'],
  ['normalizeSums', OF_TRAINING],
  ['surrogate', 'it stands for a gradient, which ONNX files have none of; optimize the graph'],
]);

/**
 * What writes each op. Not here: the ops' writers; chains that are one node (./quantize.ts).
 */
import { QONNX_DOMAIN } from '../emission.js';
import { castWriters } from './cast.js';
import { elementwiseWriters } from './elementwise.js';
import { moveWriters, writeMultiThreshold } from './moves.js';
import { productWriters } from './products.js';
import { windowWriters } from './windows.js';
import type { Writer } from './writer.js';

export const WRITERS: ReadonlyMap<string, Writer> = new Map<string, Writer>([
  ...Object.entries(elementwiseWriters),
  ...Object.entries(castWriters),
  ...Object.entries(windowWriters),
  ...Object.entries(productWriters),
  ...Object.entries(moveWriters),
  ['multiThreshold', (emission, value) => writeMultiThreshold(emission, value, QONNX_DOMAIN)],
]);

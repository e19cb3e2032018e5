/** What `console.log` shows of a session. Not here: its facts (./session.ts). */
import { showBytes } from '../core/limits.js';
import { showShape } from '../core/shape.js';
import type { SessionInfo, TensorMetadata } from './session-types.js';

/** Texts in place of lists and counts of bytes. */
export function shownSession(info: SessionInfo, isReleased: boolean): object {
  const { model, inputs, outputs, isa, threads, programs, packedBytes, heldBytes } = info;
  const text = ({ name, dtype, shape }: TensorMetadata) => `${name} ${dtype}${showShape(shape)}`;
  return {
    model,
    inputs: inputs.map(text),
    outputs: outputs.map(text),
    isa,
    threads,
    memory:
      `${showBytes(packedBytes)} of packed weights, ${showBytes(heldBytes)} of ` +
      `${programs} program${programs === 1 ? '' : 's'}`,
    ...(isReleased && { released: true }),
  };
}

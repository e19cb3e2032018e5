/**
 * What writes the node of one op. Not here: any op.
 */
import type { Value } from '../../../../graph/value.js';
import type { Emission } from '../emission.js';

/** Writes a value whose inputs are written, and holds it. */
export type Writer = (emission: Emission, value: Value) => void;

/**
 * Chooses the instruction set of a session. Not here: detection (native/cpu).
 */
import { expectedWord } from '../core/checks.js';
import { BitplaneError } from '../core/errors.js';
import { addon } from './addon.js';

/** Those that callers choose among. */
const PUBLIC = ['scalar', 'avx2', 'avx512', 'neon'] as const;
const NAMES = [...PUBLIC, 'reference'] as const;

/** The instruction sets; `reference` runs the slow readable oracles and is for tests. */
export type IsaName = (typeof NAMES)[number];

/**
 * The requested instruction set, else BITPLANE_ISA, else the best of this machine.
 * @throws BitplaneError ERR_ISA if it is unknown or this machine lacks it
 */
export function resolveIsa(asked: string | undefined): IsaName {
  const native = addon();
  const name = asked ?? (process.env.BITPLANE_ISA || native.bestIsa);
  const source = asked === undefined ? 'BITPLANE_ISA' : 'isa';
  if (!(NAMES as readonly string[]).includes(name))
    throw expectedWord('ERR_ISA', `one of ${PUBLIC.join(', ')}`, name, PUBLIC, { op: source });
  if (native.isas[name] !== true) {
    const have = Object.keys(native.isas).filter((isa) => native.isas[isa] && isa !== 'reference');
    throw new BitplaneError(
      'ERR_ISA',
      `${source} asks for ${name}, which this machine does not have; it has ${have.join(', ')}`,
    );
  }
  return name as IsaName;
}

/** Instruction sets that this machine runs, slowest first. */
export function supportedIsas(): IsaName[] {
  const native = addon();
  return (['scalar', 'neon', 'avx2', 'avx512'] as const).filter((isa) => native.isas[isa] === true);
}

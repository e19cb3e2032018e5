/**
 * fp32 multiply-adds a second of one core on registers, measured in this process: the bound of
 * float kernels. The addon says it; the package has no name for it.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Addon {
  bound(kind: 'fma', isa: string, without: number): number;
}

const BUILT = new URL('../../build/Release/bitplane.node', import.meta.url);
const addon = createRequire(import.meta.url)(
  process.env.BITPLANE_BINARY ?? fileURLToPath(BUILT),
) as Addon;

/** With the widest vectors of an instruction set. */
export function multiplyAdds(isa: string): number {
  return addon.bound('fma', isa, 0);
}

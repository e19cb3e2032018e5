/**
 * CPU features below the instruction set (VNNI, dot products), and those that BITPLANE_WITHOUT
 * forces off. Not here: detection (native/cpu), the choice of a kernel (native/kernels).
 */
import { expected } from '../core/errors.js';
import { addon, type NativeAddon } from './addon.js';

/**
 * BITPLANE_WITHOUT, words with commas between them, as the mask that programs take.
 * @throws BitplaneError ERR_ISA for a word that is no feature
 */
export function withoutFeatures(
  words: string | undefined = process.env.BITPLANE_WITHOUT,
  native: Pick<NativeAddon, 'features'> = addon(),
): number {
  const names = native.features.map(({ name }) => name);
  let mask = 0;
  for (const word of (words ?? '').split(',').map((text) => text.trim())) {
    if (word === '') continue;
    const index = names.indexOf(word);
    if (index < 0)
      throw expected('ERR_ISA', `some of ${names.join(', ')}`, word, { op: 'BITPLANE_WITHOUT' });
    mask |= 1 << index;
  }
  return mask;
}

/** Whether kernels of an instruction set may use each feature, by its name. */
export function featuresOf(
  isa: string,
  without: number = withoutFeatures(),
  native: Pick<NativeAddon, 'features'> = addon(),
): Record<string, boolean> {
  return Object.fromEntries(
    native.features.map(({ name, isas }, index) => [
      name,
      isas.includes(isa) && ((without >> index) & 1) === 0,
    ]),
  );
}

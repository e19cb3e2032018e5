/**
 * The fewest bits that are enough, where enough is measured and each measurement costs: bisection,
 * then the neighbours below, because more bits are not better in every case. Not here: measuring.
 */
import { expected } from '../core/errors.js';

/** How many neighbours below the fewest that bisection finds are looked at. */
const NEIGHBOURS = 2;

/**
 * The fewest bits from `least` to `most` that are enough, as far as measured; `most` where none
 * are. `isEnough` is asked about every number once.
 * @throws BitplaneError ERR_ARGUMENT for bounds out of order; what `isEnough` rejects with
 */
export async function fewestBits(
  least: number,
  most: number,
  isEnough: (bits: number) => Promise<boolean>,
): Promise<number> {
  if (!Number.isInteger(least) || !Number.isInteger(most) || least > most)
    throw expected('ERR_ARGUMENT', 'whole numbers in order', [least, most], {
      op: 'fewestBits',
    });
  if (typeof isEnough !== 'function')
    throw expected('ERR_ARGUMENT', 'a function of bits', isEnough, { op: 'fewestBits' });
  const known = new Map<number, boolean>();
  const ask = async (bits: number) => {
    const answer = known.get(bits) ?? (await isEnough(bits));
    known.set(bits, answer);
    return answer;
  };
  let [low, high] = [least, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await ask(middle)) high = middle;
    else low = middle + 1;
  }
  let best = high;
  for (let bits = best - 1; bits >= Math.max(least, best - NEIGHBOURS); bits--)
    if (await ask(bits)) best = bits;
  return best;
}

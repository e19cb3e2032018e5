/**
 * The error for an option that a command knows but that has no effect in this use of it. It is
 * refused, because an option that is silently ignored gives a wrong answer. Not here: options that
 * no form of the command knows (commander refuses those).
 */
import { BitplaneError } from '../core/errors.js';

export function notHere(option: string, why: string): BitplaneError {
  return new BitplaneError('ERR_ARGUMENT', `is not taken here: ${why}`, { op: option });
}

/** Options by their flags, with the reason why each means nothing in a form of a command. */
export type Elsewhere<F> = readonly (readonly [flag: keyof F, option: string, why: string])[];

/** @throws BitplaneError ERR_ARGUMENT for the first of `elsewhere` that the user gave */
export function refuseElsewhere<F>(flags: F, elsewhere: Elsewhere<F>): void {
  for (const [flag, option, why] of elsewhere)
    if (flags[flag] !== undefined) throw notHere(option, why);
}

/**
 * The error for an option that a command knows but that has no effect in this use of it. It is
 * refused, because an option that is silently ignored gives a wrong answer. Not here: options that
 * no form of the command knows (commander refuses those).
 */
import { BitplaneError } from '../core/errors.js';

export function notHere(option: string, why: string): BitplaneError {
  return new BitplaneError('ERR_ARGUMENT', `is not taken here: ${why}`, { op: option });
}

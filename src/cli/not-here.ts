/**
 * The error of an option that a command knows but that means nothing in this use of it. Refused,
 * because an option that is ignored without a word is a wrong answer. Not here: options that no
 * form of the command knows (commander refuses those).
 */
import { BitplaneError } from '../core/errors.js';

export function notHere(option: string, why: string): BitplaneError {
  return new BitplaneError('ERR_ARGUMENT', `is not taken here: ${why}`, { op: option });
}

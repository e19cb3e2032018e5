/** Whether two paths lead to one file, and the refusal to write over what is read. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { expected } from '../core/errors.js';
import { isZooName } from './zoo-name.js';

/** True of one path in two spellings, and of links to one file. */
export function isSameFile(a: string, b: string): boolean {
  if (resolve(a) === resolve(b)) return true;
  const [one, other] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }));
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

/**
 * @throws BitplaneError ERR_ARGUMENT where a file to write is one of `models`, which are read, or
 * one of `others`, which are read too, or written before it
 */
export function requireOther(
  out: string,
  models: readonly string[],
  option: string,
  others: readonly string[] = [],
): void {
  if (models.some((model) => !isZooName(model) && isSameFile(model, out)))
    throw expected('ERR_ARGUMENT', 'another file than a model that is read', out, { op: option });
  const other = others.find((path) => isSameFile(path, out));
  if (other !== undefined)
    throw expected('ERR_ARGUMENT', `another file than ${other}`, out, { op: option });
}

/** Whether two paths lead to one file. Not here: what a command refuses for it. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';

/** True of one path in two spellings, and of links to one file. */
export function isSameFile(a: string, b: string): boolean {
  if (resolve(a) === resolve(b)) return true;
  const [one, other] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }));
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

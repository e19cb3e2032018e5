/** Which files this process has open. */
import { readdirSync, readlinkSync } from 'node:fs';

/** Descriptors of this process that lead to a path; 0 where there is no /proc to ask. */
export function openAt(path: string): number {
  if (process.platform !== 'linux') return 0;
  const leads = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // closed meanwhile
    }
  });
  return leads.filter((lead) => lead === path).length;
}

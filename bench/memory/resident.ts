/** Resident memory of this process. Run with --expose-gc. */
import { sleep } from '../measure.js';

/** Once garbage is gone, its finalizers have run and the allocator has settled. */
export async function residentBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await sleep(50);
  }
  return process.memoryUsage.rss();
}

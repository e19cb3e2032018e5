/**
 * Which parts of the JavaScript have run, by V8's own counters: whether an input reached something new. Of this tool's bundle only,
 * which holds the readers and the passes. Not here: the addon.
 */

import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';

export class Coverage {
  /** @param url of the script that is watched */
  static async start(url) {
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    return new Coverage(session, url, readFileSync(fileURLToPath(url)).length);
  }

  constructor(session, url, length) {
    Object.assign(this, { session, url });
    this.covered = new Uint8Array(length);
    this.scratch = new Uint8Array(length);
    this.reached = 0;
  }

  /** How many characters of code have run since the last call and never before; with `keep` they count as known from now on. */
  async fresh(keep) {
    const { result } = await this.session.post('Profiler.takePreciseCoverage');
    const script = result.find(({ url }) => url === this.url);
    if (script === undefined) return 0;
    let fresh = 0;
    this.scratch.fill(0);
    // Outer ranges come before inner ones.
    for (const { ranges } of script.functions)
      for (const { startOffset, endOffset, count } of ranges) this.scratch.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    for (let i = 0; i < this.scratch.length; i++) {
      if (this.scratch[i] === 0 || this.covered[i] === 1) continue;
      fresh++;
      if (keep) this.covered[i] = 1;
    }
    if (keep) this.reached += fresh;
    return fresh;
  }
}

/**
 * Tells by V8's own counters whether an input reached new code. It watches only this tool's bundle,
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
    const whole = Math.ceil(length / 4) * 4;
    this.covered = new Uint8Array(whole);
    this.scratch = new Uint8Array(whole);
    // Four characters at a time: most of the script is looked at in vain.
    this.coveredWords = new Uint32Array(this.covered.buffer);
    this.scratchWords = new Uint32Array(this.scratch.buffer);
    this.reached = 0;
  }

  /**
   * How many characters of code have run since the last call and never before; with `keep` they
   * count as known from now on.
   */
  async fresh(keep) {
    const { result } = await this.session.post('Profiler.takePreciseCoverage');
    const script = result.find(({ url }) => url === this.url);
    if (script === undefined) return 0;
    let fresh = 0;
    this.scratch.fill(0);
    // Outer ranges come before inner ones.
    for (const { ranges } of script.functions)
      for (const { startOffset, endOffset, count } of ranges)
        this.scratch.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    for (let i = 0; i < this.scratchWords.length; i++) {
      const word = this.scratchWords[i] & ~this.coveredWords[i];
      if (word === 0) continue;
      for (let shift = 0; shift < 32; shift += 8) fresh += (word >>> shift) & 1;
      if (keep) this.coveredWords[i] |= word;
    }
    if (keep) this.reached += fresh;
    return fresh;
  }
}

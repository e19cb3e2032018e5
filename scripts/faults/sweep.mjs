/**
 * Sweeps the number of the call that fails: starts the child, starts it again behind a call that
 * ended it, and counts the outcomes. Not here: what the child does (./child.mjs).
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Control } from './control.mjs';
import { noCounts } from './counts.mjs';

/** A child that does not reach the next call within this time hangs. */
const LIMIT_MS = 30_000;
/** Children that ended badly, at most: more say nothing new. */
const MOST_CRASHES = 20;

export class Sweep {
  counts = noCounts();
  problems = [];

  constructor(options, { folder, library, child }) {
    this.options = { lasting: false, error: 0, arms: options.kind, ...options };
    this.library = library;
    this.child = child;
    this.control = new Control(join(folder, 'control'), { fresh: true });
    this.folder = join(folder, 'files');
    mkdirSync(this.folder, { recursive: true });
    /**
     * The child sweeps by itself. Kinds of calls that happen once a process need a process for each
     * call.
     */
    this.alone = options.kind === 'memory' || options.kind === 'files';
  }

  async run() {
    let number = 1;
    for (let more = true; more && this.counts.crashes + this.counts.hangs < MOST_CRASHES; ) {
      if (!this.alone) this.control.arm(this.options.arms, number, this.options);
      const ended = await this.attempt(number);
      more = !ended.complete;
      number = ended.next;
    }
    this.control.close();
    return { name: this.options.name, ...this.counts, problems: this.problems };
  }

  /** One process: how far it came, and whether no call is left. */
  attempt(number) {
    const { kind, lasting, error } = this.options;
    const args = [
      this.child,
      kind,
      this.control.path,
      this.folder,
      String(number),
      lasting ? '1' : '0',
      String(error),
    ];
    const env = { ...process.env, BITPLANE_FAULTS: this.control.path, LD_PRELOAD: this.library };
    return new Promise((resolve) => {
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let [complete, at, hung, said] = [false, number - 1, false, ''];
      const kill = () => {
        hung = true;
        child.kill('SIGKILL');
      };
      let limit = setTimeout(kill, LIMIT_MS);
      createInterface(child.stdout).on('line', (line) => {
        clearTimeout(limit);
        limit = setTimeout(kill, LIMIT_MS);
        const message = JSON.parse(line);
        if (message.end) complete = true;
        else {
          at = message.number;
          this.take(message);
        }
      });
      child.stderr.on('data', (chunk) => {
        said = (said + chunk).slice(-2000);
      });
      child.on('close', (code, signal) => {
        clearTimeout(limit);
        if (code !== 0) {
          at++;
          this.counts.swept++;
          if (!hung && this.options.documented?.includes(at)) {
            this.counts.documented++;
            return resolve({ complete, next: at + 1 });
          }
          this.counts[hung ? 'hangs' : 'crashes']++;
          const place = `0x${this.control.get('at').toString(16)}`;
          const end = hung ? 'hung' : `ended with ${signal ?? code}`;
          this.problems.push(
            `call ${at} (${place}, ${this.control.get('bytes')} bytes): ${end}: ` +
              said.trim().slice(-400),
          );
        }
        resolve({ complete, next: at + 1 });
      });
    });
  }

  take({ number, outcome, problem, left = 0 }) {
    this.counts.swept++;
    this.counts.leftovers = Math.max(this.counts.leftovers, left);
    if (problem === undefined) this.counts[outcome]++;
    else {
      this.counts.wrong++;
      this.problems.push(`call ${number}: ${problem}`);
    }
  }
}

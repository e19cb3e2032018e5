/**
 * Progress of work that has several parts, one bar after the other, each named by its part. Not
 * here: a bar (./progress.ts).
 */
import type { Io } from './io.js';
import { type Progress, startProgress } from './progress.js';

export class Progresses {
  private bar: Progress | undefined;
  private part = '';

  constructor(
    private readonly io: Io,
    private readonly silent: boolean,
  ) {}

  readonly onProgress = (part: string, done: number, of: number): void => {
    if (part !== this.part) {
      this.finish();
      this.bar = startProgress(this.io, part, of, this.silent);
      this.part = part;
    }
    this.bar?.update(done);
  };

  finish(): void {
    this.bar?.finish();
  }
}
